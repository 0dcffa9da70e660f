"""Names of languages as memories compare them: BCP 47 tags, such as "de" or "de-AT"."""

from __future__ import annotations

from octavo.errors import ArgumentError


def tag(language: str) -> str:
    """A language's tag in the one way that a memory writes it: lower case, hyphens. "de_DE" is "de-de".

    Raises ArgumentError where it is blank.
    """
    found = language.strip().replace("_", "-").lower()
    if not found:
        raise ArgumentError('the name of a language is blank; state it as a tag, say "en" or "de-AT"')
    return found


def matches(asked: str, stated: str) -> bool:
    """Whether text in the language ``stated`` is in the one ``asked``; both are tags as ``tag`` makes them.

    "de" is asked for all of German, "de-at" for that of Austria alone (RFC 4647, basic filtering).
    """
    return stated == asked or stated.startswith(f"{asked}-")

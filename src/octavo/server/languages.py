"""Which language a text is in, of those that the models know."""

from __future__ import annotations

from collections.abc import Collection

from octavo.errors import OctavoError
from octavo.server.errors import RequestError
from octavo.text.identification import code_of, identified


def ranked_languages(text: str, tags: Collection[str]) -> list[tuple[str, float]]:
    """Those of ``tags`` that ``text`` may be in, the likeliest first, each with its probability among them.

    Raises RequestError where the extra "detect" is not installed, and where none of ``tags`` is known to it.
    """
    by_code = {code_of(tag): tag for tag in sorted(tags, reverse=True)}
    try:
        found = identified(text, by_code.keys())
    except OctavoError as error:
        raise RequestError(f"the language of the text cannot be found out: {error}; or state it") from error
    if not found:
        raise RequestError("no language of this service can be found out: state the source language")
    return [(by_code[one.language], one.confidence) for one in found]

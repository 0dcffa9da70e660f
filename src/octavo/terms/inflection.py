"""Simple inflection: the words that a word of a text may be a form of, by its ending alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ENDINGS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "en": (("s", ""), ("es", ""), ("ies", "y")),
    "de": (("e", ""), ("n", ""), ("s", ""), ("en", ""), ("er", ""), ("es", "")),
}
"""For a language: endings of forms, and what the word has in their place."""

SHORTEST_STEM: Final = 3
"""Letters that must stay, so that "as" is no form of "a"."""


def stems(word: str, language: str) -> Iterator[str]:
    """The words that ``word``, in small letters, may be a form of; the longest first."""
    for ending, instead in ENDINGS.get(language, ()):
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= SHORTEST_STEM:
            yield word.removesuffix(ending) + instead

"""Characters that no sentence needs and no line may hold."""

from __future__ import annotations

import itertools
from typing import Final


def _replacements() -> dict[int, str]:
    breaks = {*range(0x09, 0x0E), *range(0x1C, 0x20), 0x85, 0x2028, 0x2029}
    controls = {*range(0x20), *range(0x7F, 0xA0)}
    table = dict.fromkeys(controls, "")
    table |= dict.fromkeys(breaks, " ")
    return table | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


_REPLACEMENTS: Final = _replacements()


def one_line(text: str) -> str:
    """``text`` without line breaks and control characters, and encodable as UTF-8.

    Breaks and tabs become spaces, other control characters (Unicode category Cc) vanish, lone
    surrogates become U+FFFD.
    """
    return text if text.isprintable() else text.translate(_REPLACEMENTS)


def one_line_places(text: str) -> list[int]:
    """For each index of ``text``, its length included, where the character there begins in one_line(text)."""
    if text.isprintable():
        return list(range(len(text) + 1))
    lengths = (len(_REPLACEMENTS.get(ord(character), " ")) for character in text)
    return list(itertools.accumulate(lengths, initial=0))

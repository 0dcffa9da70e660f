# ruff: noqa: RUF001 - the punctuation of other scripts is meant
"""Cutting a sentence that is too long for the model into pieces that are not.

A sentence is cut at clause punctuation; a clause at spaces; a word between characters; and, where a single
character carries too many marks, anywhere. As many parts as fit stay together, for the context they give
each other.
"""

from __future__ import annotations

import bisect
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

Count: TypeAlias = Callable[[str], int]
"""How many tokens a text has."""

Level: TypeAlias = Callable[[str], Iterator[int]]
"""The places, as indices of a text, where it may be cut; ascending, the text's own ends allowed."""

Range: TypeAlias = tuple[int, int]
"""The characters of a text from the first index to before the second."""

# Closing quotes and brackets belong to what stands before them. Every pattern starts only where a run
# of its own characters starts, and gives nothing back, so that no text takes more than linear time.
_CLOSING: Final = "[\"'”’»›)\\]}」』】》〉）］｝]*+"
_COMMAS: Final = ",;:،؛፣፤፥–"
_CLAUSE_END: Final = re.compile(rf"[、，；：､—]++{_CLOSING}\s*+|(?<![{_COMMAS}])[{_COMMAS}]++{_CLOSING}\s++")
_INVISIBLE: Final = "\u200b\u200e\u200f\u2060\ufeff" + "".join(
    character
    for character in map(chr, range(0x3001))
    if character.isspace() or unicodedata.category(character) == "Cc"
)
_ZERO_WIDTH_JOINER: Final = "\u200d"
_SKIN_TONES: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


def pieces(text: str, limit: int, count: Count, kept: Sequence[Range] = ()) -> list[Range]:
    """Pieces of ``text`` in order, each of at most ``limit`` tokens by ``count``; none for blank text.

    A piece has no white space at its ends, and between pieces there is nothing but such. A text
    within the limit is one piece. A range of ``kept`` (ascending, not overlapping) is cut only where it does
    not fit by itself. Only a character that by itself needs more tokens than ``limit`` makes a larger
    piece. The function takes time in proportion to the text's length times log ``limit``, where ``count`` is
    linear. It raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit = {limit}: must be at least 1")

    def fits(start: int, end: int) -> bool:
        return count(text[slice(*stripped(text, start, end))]) <= limit

    levels = [_outside(level, kept) for level in (_clause_ends, _spaces, _between_characters)]
    if kept:
        levels += [_whole(level) for level in (_spaces, _between_characters)]
    found = _fit(text, 0, len(text), fits, [*levels, _whole(_anywhere)])
    return [piece for piece in (stripped(text, *span) for span in found) if piece[0] < piece[1]]


def stripped(text: str, start: int, end: int) -> Range:
    """The range of ``text`` without what cannot be seen at its ends: white space, control characters,
    zero-width spaces and marks of direction. An empty one where there is nothing else."""
    inner = text[start:end]
    start = end - len(inner.lstrip(_INVISIBLE))
    return start, max(start, end - len(inner) + len(inner.rstrip(_INVISIBLE)))


def is_inside(place: int, kept: Sequence[Range]) -> bool:
    """Whether a cut at ``place`` would fall into one of the ranges, which ascend and do not overlap."""
    at = bisect.bisect_left(kept, place, key=lambda one: one[0]) - 1
    return at >= 0 and place < kept[at][1]


_Cuts: TypeAlias = Callable[[str, int, int], list[int]]
"""The places in a range of a text where it may be cut."""


def _outside(level: Level, kept: Sequence[Range]) -> _Cuts:
    return lambda text, start, end: [
        start + at for at in level(text[start:end]) if not is_inside(start + at, kept)
    ]


def _whole(level: Level) -> _Cuts:
    return _outside(level, ())


def _fit(
    text: str, start: int, end: int, fits: Callable[[int, int], bool], levels: Sequence[_Cuts]
) -> Iterator[Range]:
    """The range itself where it fits, else cut at the first of the levels, as coarsely as will fit."""
    if not levels or fits(start, end):
        yield start, end
        return
    places = sorted({start, *levels[0](text, start, end), end})
    at, run = 0, 1
    while at < len(places) - 1:
        found = _longest_run(places, at, run, fits)
        if found:
            yield places[at], places[at + found]
            run = found
        else:
            yield from _fit(text, places[at], places[at + 1], fits, levels[1:])
        at += max(found, 1)


def _longest_run(places: Sequence[int], at: int, guess: int, fits: Callable[[int, int], bool]) -> int:
    """How many parts from place ``at`` fit together: 0 where not even one does. Gallops from a guess."""

    def run_fits(length: int) -> bool:
        return fits(places[at], places[at + length])

    most = len(places) - 1 - at
    low, high = 0, min(guess, most)
    while run_fits(high):
        low = high
        if high == most:
            return most
        high = min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if run_fits(middle):
            low = middle
        else:
            high = middle
    return low


def _clause_ends(text: str) -> Iterator[int]:
    return (match.end() for match in _CLAUSE_END.finditer(text))


def _spaces(text: str) -> Iterator[int]:
    return (match.end() for match in re.finditer(r"\s++", text))


def _between_characters(text: str) -> Iterator[int]:
    """The places between characters as a reader sees them: not before a combining mark, a skin tone or a tag,
    nor around a zero-width joiner, nor within a flag."""
    flag = False  # whether the character before is the first half of one
    for i, (before, after) in enumerate(itertools.pairwise(text), start=1):
        flag = not flag and _is_regional(before)
        joined = before == _ZERO_WIDTH_JOINER or after == _ZERO_WIDTH_JOINER or after in _SKIN_TONES
        joined = joined or (flag and _is_regional(after)) or "\U000e0020" <= after <= "\U000e007f"
        if not joined and not unicodedata.category(after).startswith("M"):
            yield i


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _anywhere(text: str) -> Iterator[int]:
    return iter(range(1, len(text)))

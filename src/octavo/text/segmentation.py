# ruff: noqa: RUF001 - the punctuation of other scripts is meant
"""Cutting a text into sentences, and one that is too long for a model into pieces that are not.

A text is cut at sentence ends; a sentence still too long at clause punctuation; a clause at spaces; a
word between characters; and, where a single character carries too many marks, anywhere. Below
sentences, as many parts as fit stay together, for the context they give each other.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final

Count = Callable[[str], int]
Level = Callable[[str], Iterator[int]]
"""The places, as indices of a text, where it may be cut; ascending, the text's own ends allowed."""

# Closing quotes and brackets belong to what stands before them. Every pattern starts only where a run
# of its own characters starts, and gives nothing back, so that no text takes more than linear time.
_CLOSING: Final = "[\"'”’»›)\\]}」』】》〉）］｝]*+"
_STOPS: Final = ".!?…؟۔।॥։።፧‼⁇⁈⁉‽"
_COMMAS: Final = ",;:،؛፣፤፥–"
_SENTENCE_END: Final = re.compile(
    rf"[。！？｡．]++{_CLOSING}\s*+|(?<![{_STOPS}])[{_STOPS}]++{_CLOSING}\s++|\n\s*+"
)
_CLAUSE_END: Final = re.compile(rf"[、，；：､—]++{_CLOSING}\s*+|(?<![{_COMMAS}])[{_COMMAS}]++{_CLOSING}\s++")
_INITIAL: Final = re.compile(r"\b\w\.")
_ZERO_WIDTH_JOINER: Final = "\u200d"
_SKIN_TONES: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


# Words, in English and German, that a full stop shortens and that no sentence ends with.
_ABBREVIATIONS: Final = frozenset(
    re.findall(
        r"\w+",
        "Mr Mrs Ms Dr Prof St Mt Rep Reps Sen Sens Gov Gen Col Lt Sgt Capt Cpl Maj Adm Rev Hon Pres Messrs "
        "Supt Fig Figs Eq No Nos Vol vol pp approx ca cf vs ie eg Jan Feb Apr Aug Sept Oct Nov Dec "
        "Hr Fr Nr bzw evtl ggf inkl sog usf vgl zzgl",
    )
)
_LONGEST_ABBREVIATION: Final = max(map(len, _ABBREVIATIONS))
_ORDINAL: Final = re.compile(r"(?<!\w)\d{1,2}\Z")


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order, without the white space around them; none for blank text.

    Nothing is lost: but for white space, the sentences joined are the text. Takes linear time.
    """
    sentences = map(str.strip, _parts(text.strip(), _sentence_ends))
    return [sentence for sentence in sentences if sentence]


def segment(text: str, limit: int, count: Count) -> list[str]:
    """Pieces of ``text`` in order, each of at most ``limit`` tokens by ``count``; none for blank text.

    Nothing is lost: but for white space, the pieces joined are the text. A text within the limit is
    one piece, without the white space around it. Only a character that by itself needs more tokens
    than ``limit`` makes a larger piece. Takes time in proportion to the text's length times log
    ``limit``, where ``count`` is linear. Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit = {limit}: must be at least 1")
    text = text.strip()
    if not text:
        return []
    if count(text) <= limit:
        return [text]

    def fits(part: str) -> bool:
        return count(part.strip()) <= limit

    sentences = _parts(text, _sentence_ends)
    pieces = itertools.chain.from_iterable(_fit(sentence, fits, _WITHIN_SENTENCES) for sentence in sentences)
    return [piece for piece in map(str.strip, pieces) if piece]


def _fit(part: str, fits: Callable[[str], bool], levels: Sequence[Level]) -> Iterator[str]:
    """``part`` itself where it fits, else cut at the first of the levels, as coarsely as will fit."""
    if not levels or fits(part):
        yield part
        return
    parts = _parts(part, levels[0])
    start, run = 0, 1
    while start < len(parts):
        found = _longest_run(parts, start, run, fits)
        if found:
            yield "".join(parts[start : start + found])
            run = found
        else:
            yield from _fit(parts[start], fits, levels[1:])
        start += max(found, 1)


def _longest_run(parts: Sequence[str], start: int, guess: int, fits: Callable[[str], bool]) -> int:
    """How many parts from ``start`` fit together: 0 where not even one does. Gallops from a guess."""

    def run_fits(length: int) -> bool:
        return fits("".join(parts[start : start + length]))

    most = len(parts) - start
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


def _parts(text: str, level: Level) -> list[str]:
    """``text`` cut wherever the level allows; joined, the parts are the text."""
    places = [0, *level(text), len(text)]
    return [text[i:j] for i, j in itertools.pairwise(places) if i < j]


def _sentence_ends(text: str) -> Iterator[int]:
    """The places after stops, but not after an initial ("J. Smith"), an abbreviation ("Dr. Smith") or an
    ordinal ("3. Oktober"), nor where a lower-case letter follows a full stop."""
    for match in _SENTENCE_END.finditer(text):
        start, end = match.span()
        full_stop = text[start] == "." and text[start + 1].isspace()
        shortened = full_stop and _is_shortened(text, start)
        if not (shortened or (text[start] == "." and text[end : end + 1].islower())):
            yield end


def _is_shortened(text: str, stop: int) -> bool:
    """Whether the full stop at ``stop`` belongs to its word and not to a sentence."""
    if _INITIAL.match(text, max(stop - 1, 0)) is not None:
        return True
    before = text[max(stop - _LONGEST_ABBREVIATION - 1, 0) : stop]
    word = re.split(r"\W", before)[-1]
    return word in _ABBREVIATIONS or _ORDINAL.search(before) is not None


def _clause_ends(text: str) -> Iterator[int]:
    return (match.end() for match in _CLAUSE_END.finditer(text))


def _spaces(text: str) -> Iterator[int]:
    return (match.end() for match in re.finditer(r"\s++", text))


def _between_characters(text: str) -> Iterator[int]:
    """The places between characters, but not before a combining mark or a skin tone, nor around a zero-width
    joiner."""
    for i, (before, after) in enumerate(itertools.pairwise(text), start=1):
        joined = before == _ZERO_WIDTH_JOINER or after == _ZERO_WIDTH_JOINER or after in _SKIN_TONES
        if not joined and not unicodedata.category(after).startswith("M"):
            yield i


def _anywhere(text: str) -> Iterator[int]:
    return iter(range(1, len(text)))


_WITHIN_SENTENCES: Final[tuple[Level, ...]] = (_clause_ends, _spaces, _between_characters, _anywhere)

"""The segments of a text under translation: what the model translates at once, and what it found."""

from __future__ import annotations

import bisect
import dataclasses
import string
from collections.abc import Iterator, Sequence
from typing import Final

from octavo.engine import Hypothesis, Term
from octavo.languages import Direction
from octavo.memory import FuzzyHit
from octavo.terms import TermMatch
from octavo.text.parts import Part
from octavo.text.segmenter import Segmenter
from octavo.translation.source import KeptSpan, Source
from octavo.translation.warning import TranslationWarning

_BEFORE_BARRIER: Final = string.whitespace + "([{\"'\u00ab\u201c\u201e"
_AFTER_BARRIER: Final = string.whitespace + ",.;:!?)]}\"'\u00bb\u201d"
_BREAKS: Final = str.maketrans(dict.fromkeys("\n\r\x0b\x0c\x85\u2028\u2029", " "))


@dataclasses.dataclass(eq=False, slots=True)
class Segment:
    """Characters ``start`` to before ``end`` of a text. ``ids`` are what the model reads of it, of which the
    first ``prefix`` and the last ``suffix`` tell the languages; a segment without ids stays as it is. Its
    translation begins with the tokens ``target_prefix``, which are no text of it, and then ``opening``, which
    are. ``kept`` is what must stay in it, ``glossary_terms`` what the glossary has, and ``terms`` the tokens
    of both. ``remembered`` is its translation, ``similar`` that of a source like it, in the translation
    memory."""

    source: Source
    start: int
    end: int
    ids: Sequence[int]
    prefix: int = 0
    suffix: int = 0
    target_prefix: tuple[int, ...] = ()
    kept: tuple[KeptSpan, ...] = ()
    glossary_terms: tuple[TermMatch, ...] = ()
    terms: list[Term] = dataclasses.field(default_factory=list)
    opening: tuple[int, ...] = ()
    remembered: tuple[Part, ...] | None = None
    similar: FuzzyHit | None = None
    found: Sequence[Hypothesis] = ()
    translation: str = ""
    """The text of the best hypothesis."""
    complete: bool = True
    """False for one that stays as it is because its search was cut before it had any text."""
    warnings: set[TranslationWarning] = dataclasses.field(default_factory=set)
    result: tuple[Part, ...] = ()
    """What it became, with its marks."""

    @property
    def text(self) -> str:
        """The characters as the model reads them: line breaks are spaces."""
        return self.source.text[self.start : self.end].translate(_BREAKS)

    @property
    def own_ids(self) -> Sequence[int]:
        """The tokens of its text."""
        return self.ids[self.prefix : len(self.ids) - self.suffix]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its parts in the source."""
        return self.source.inside(self.start, self.end)

    @property
    def marks(self) -> range:
        """The numbers of the marks that move with its words."""
        return self.source.marks_inside(self.start, self.end)

    @property
    def to_search(self) -> bool:
        """Whether the model has to translate it."""
        return bool(self.ids) and self.remembered is None

    @property
    def has_marks(self) -> bool:
        """Whether marks lie inside it, so that they have to follow its words."""
        return self.source.has_marks(self.start, self.end)


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """A text in segments. ``direction``: from which language to which. ``begin``: where the text begins
    behind a code of its language, which no translation has. ``too_long``: whether a sentence had to be cut to
    fit the model. ``replaced``: segments that lost what must stay, and those that took their place.
    ``warnings``: of the whole text."""

    segments: list[Segment]
    too_long: bool
    direction: Direction
    begin: int = 0
    replaced: list[tuple[Segment, list[Segment]]] = dataclasses.field(default_factory=list)
    warnings: set[TranslationWarning] = dataclasses.field(default_factory=set)


def open_with(segments: Sequence[Segment], opening: tuple[int, ...]) -> None:
    """Have the translation of the first segment that the model translates begin with these tokens."""
    for segment in [segment for segment in segments if segment.ids][:1]:
        segment.opening = opening


class Cutter:
    """Cuts sources into segments, and around what must not go through the model. ``segmenter`` cuts for
    ``direction``; ``max_length``: the most tokens of a translation."""

    def __init__(self, segmenter: Segmenter, direction: Direction, *, max_length: int) -> None:
        self._segmenter = segmenter
        self._direction = direction
        self._max_length = max(1, max_length - len(direction.target_prefix))

    def cut(self, source: Source, *, wrapped: bool) -> Cut:
        """All of the text. What must stay and does not fit into one segment is left out."""
        cut = self._cut(source, 0, len(source.text), (), wrapped)
        split = _split(source.kept, cut.segments) if source.kept else ()
        if split:
            cut = self._cut(source, 0, len(source.text), split, wrapped)
        if code := self._language_code(source.text):
            behind = source.text[len(code) :].lstrip(" \t")
            return dataclasses.replace(cut, begin=len(source.text) - len(behind))
        return cut

    def around_kept(self, segment: Segment) -> list[Segment]:
        """The segment again, without all that must stay in it."""
        return self._cut(segment.source, segment.start, segment.end, segment.kept, True).segments

    def _language_code(self, text: str) -> str:
        """What of a text says the language of the translation."""
        return text[: len(text) - len(self._segmenter.tokenizer.split_language_code(text)[1])]

    def _cut(
        self,
        source: Source,
        start: int,
        end: int,
        barriers: Sequence[KeptSpan],
        wrapped: bool,
    ) -> Cut:
        code = self._language_code(source.text) if barriers else ""
        segments: list[Segment] = []
        too_long = False
        for first, last in _stretches(source.text, start, end, barriers):
            before = "" if first == 0 else code
            kept = source.kept_in(first, last)
            offset = first - len(before)
            found = self._segmenter.segments(
                before + source.text[first:last],
                wrapped=wrapped,
                max_length=self._max_length,
                kept=[(span.start - offset, span.end - offset) for span in kept],
                may_state=first == 0 or bool(code),
            )
            too_long = too_long or found.too_long
            for piece in found.segments:
                low, high = piece.start + offset, piece.end + offset
                if kept:
                    low, high = _with_edges(low, high, kept)
                inside = source.kept_in(low, high) if kept else ()
                stays = piece.copied or (inside and _is_all_kept(source.text, low, high, inside))
                ids = () if stays else piece.ids
                terms = source.terms_in(low, high) if source.terms else ()
                prefix, suffix = len(found.prefix), len(found.suffix)
                forced = self._direction.target_prefix
                segments.append(Segment(source, low, high, ids, prefix, suffix, forced, inside, terms))
        return Cut(segments, too_long, self._direction)


def _stretches(text: str, start: int, end: int, barriers: Sequence[KeptSpan]) -> Iterator[tuple[int, int]]:
    """What lies between barriers, without the punctuation that leans on one of them."""
    for barrier in barriers:
        between = text[start : barrier.start].rstrip(_BEFORE_BARRIER)
        if between:
            yield start, start + len(between)
        start = max(start, barrier.end)
        start = end - len(text[start:end].lstrip(_AFTER_BARRIER))
    if start < end:
        yield start, end


def _with_edges(start: int, end: int, kept: Sequence[KeptSpan]) -> tuple[int, int]:
    """The segment with all of what must stay at its ends: white space of that may stick out. What is blank
    belongs to no segment: it may lie between two."""
    first = bisect.bisect_right(kept, start, key=lambda span: span.end)
    last = bisect.bisect_left(kept, end, key=lambda span: span.start)
    for span in kept[first:last]:
        if span.spoken and span.text_start >= start and span.text_end <= end:
            start, end = min(start, span.start), max(end, span.end)
    return start, end


def _split(kept: Sequence[KeptSpan], segments: Sequence[Segment]) -> list[KeptSpan]:
    """What an end of a segment falls into."""
    ends = sorted({place for segment in segments for place in (segment.start, segment.end)})
    return [
        span for span in kept if bisect.bisect_right(ends, span.start) < bisect.bisect_left(ends, span.end)
    ]


def _is_all_kept(text: str, start: int, end: int, kept: Sequence[KeptSpan]) -> bool:
    """Whether no letter or digit of a segment is outside of what must stay."""
    for span in kept:
        if any(map(str.isalnum, text[start : span.start])):
            return False
        start = span.end
    return bool(kept) and not any(map(str.isalnum, text[start:end]))

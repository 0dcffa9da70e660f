"""A text under translation as its marks, what of it must stay, and the rest."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from octavo.terms import Glossary, TermMatch
from octavo.text.parts import Kept, Mark, Part, Side, merged, plain
from octavo.text.protected import protected_spans


@dataclasses.dataclass(frozen=True, slots=True)
class KeptSpan:
    """Characters ``start`` to before ``end`` that must stay. ``part`` is set where a document said so."""

    start: int
    end: int
    text: str
    part: Kept | None = None

    @property
    def spoken(self) -> str:
        """What the model reads of it, and has to say: one line, without spaces around it."""
        return " ".join(self.text.split())

    @property
    def text_start(self) -> int:
        """Where it begins, without white space."""
        return self.end - len(self.text.lstrip())

    @property
    def text_end(self) -> int:
        """Where it ends, without white space."""
        return self.start + len(self.text.rstrip())


_NO_MARKS: Final = range(0)


class Source:
    """The parts of a passage, by the characters of its plain text. ``terms``: those of ``glossary`` in it,
    but for those that stay as they are, which are kept."""

    def __init__(self, parts: Sequence[Part], glossary: Glossary | None = None) -> None:
        self._marks: list[tuple[int, Mark]] = []
        self._empty: dict[int, Kept] = {}
        self._ends: dict[int, tuple[int, int]] = {}
        stated: list[KeptSpan] = []
        if len(parts) == 1 and isinstance(parts[0], str):  # as most are
            self.text = parts[0]
        else:
            self.text = plain(parts)
            stated = self._read(parts)
        protected = [KeptSpan(s.start, s.end, self.text[s.start : s.end]) for s in protected_spans(self.text)]
        self.kept = tuple(_united(stated, protected)) if stated else tuple(protected)
        self.terms: tuple[TermMatch, ...] = ()
        if glossary is not None:
            matches = glossary.matches(self.text)
            same = [KeptSpan(m.start, m.end, m.targets[0]) for m in matches if _stays(self.text, m)]
            self.kept = tuple(_united(self.kept, same))
            self.terms = tuple(m for m in matches if not _stays(self.text, m) and not _overlaps(m, self.kept))
        self.has_parts = bool(self._marks) or any(span.part is not None for span in self.kept)
        """Whether the passage is more than plain text."""

    def _read(self, parts: Sequence[Part]) -> list[KeptSpan]:
        """Where the marks stand, and what of the text a document says must stay."""
        kept = []
        at = 0
        self._empty = {part.id: part for part in parts if isinstance(part, Kept) and not part.text}
        for part in parts:
            if isinstance(part, Kept) and not part.text:
                part = Mark(Side.PLACE, part.id)
            if isinstance(part, Mark):
                self._marks.append((at, part))
                continue
            text = part if isinstance(part, str) else part.text
            if isinstance(part, Kept):
                kept.append(KeptSpan(at, at + len(text), text, part))
            at += len(text)
        places: dict[int, list[int]] = {}
        for at, mark in self._marks:
            if mark.side is not Side.PLACE:
                places.setdefault(mark.id, []).append(at)
        self._ends = {id_: (found[0], found[-1]) for id_, found in places.items()}
        return kept

    def terms_in(self, start: int, end: int) -> tuple[TermMatch, ...]:
        """The glossary's terms between two characters."""
        first = bisect.bisect_left(self.terms, start, key=lambda match: match.start)
        last = bisect.bisect_left(self.terms, end, key=lambda match: match.start)
        return tuple(match for match in self.terms[first:last] if match.end <= end)

    def as_given(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Parts of its translation, with kept texts that are empty as the passage has them."""
        found = merged(parts)
        if not self._empty:
            return found
        return tuple(self._empty.get(part.id, part) if isinstance(part, Mark) else part for part in found)

    def kept_in(self, start: int, end: int) -> tuple[KeptSpan, ...]:
        """What must stay between two characters."""
        if not self.kept:
            return ()
        first = bisect.bisect_left(self.kept, start, key=_start)
        last = bisect.bisect_left(self.kept, end, key=_start)
        return tuple(kept for kept in self.kept[first:last] if kept.end <= end)

    def marks_inside(self, start: int, end: int) -> range:
        """Which marks move with the words of a segment: those between its ends and, at its ends, those of
        elements that begin or end between them. An element around all of it stays around it."""
        if not self._marks:
            return _NO_MARKS
        first = bisect.bisect_right(self._marks, start, key=_place)
        last = bisect.bisect_left(self._marks, end, key=_place)
        for number in range(bisect.bisect_left(self._marks, start, key=_place), min(first, last)):
            if start < self._ends.get(self._marks[number][1].id, (0, 0))[1] < end:
                first = number
                break
        for number in reversed(range(max(first, last), bisect.bisect_right(self._marks, end, key=_place))):
            if start < self._ends.get(self._marks[number][1].id, (0, 0))[0] < end:
                last = number + 1
                break
        return range(first, max(first, last))

    def has_marks(self, start: int, end: int) -> bool:
        """Whether marks move with the words of a segment."""
        return bool(self.marks_inside(start, end))

    def inside(self, start: int, end: int) -> tuple[Part, ...]:
        """The parts of a segment."""
        return tuple(self._parts(start, end, self.marks_inside(start, end)))

    def between(self, start: int, end: int, marks: range) -> tuple[Part, ...]:
        """The parts of what lies between two segments, with the marks that belong to neither."""
        return tuple(self._parts(start, end, marks))

    @property
    def all_marks(self) -> range:
        """The numbers of all marks."""
        return range(len(self._marks))

    def _parts(self, start: int, end: int, numbers: range) -> Iterator[Part]:
        if not (numbers or self.kept):  # as in most texts
            if start < end:
                yield self.text[start:end]
            return
        marks = self._marks[numbers.start : numbers.stop]
        kept = {span.start: span for span in self.kept_in(start, end) if span.part}
        at = start
        stops = [*((position, None) for position in kept), *marks]
        for position, mark in sorted(stops, key=lambda stop: (stop[0], stop[1] is None)):
            if at < position:
                yield self.text[at:position]
                at = position
            if mark is not None:
                yield mark
            elif (part := kept[position].part) is not None:
                yield part
                at = kept[position].end
        if at < end:
            yield self.text[at:end]


def _united(first: Sequence[KeptSpan], second: Sequence[KeptSpan]) -> Iterator[KeptSpan]:
    """All of the first, and those of the second that overlap none of them; both and the result in order."""
    coming = iter([*first, None])
    stated = next(coming)
    for span in second:
        while stated is not None and stated.end <= span.start:
            yield stated
            stated = next(coming)
        if stated is None or span.end <= stated.start:
            yield span
    while stated is not None:
        yield stated
        stated = next(coming)


def _place(mark: tuple[int, Mark]) -> int:
    return mark[0]


def _start(span: KeptSpan) -> int:
    return span.start


def _stays(text: str, match: TermMatch) -> bool:
    return match.targets == (text[match.start : match.end],)


def _overlaps(match: TermMatch, kept: Sequence[KeptSpan]) -> bool:
    place = bisect.bisect_right(kept, match.start, key=lambda span: span.end)
    return place < len(kept) and kept[place].start < match.end

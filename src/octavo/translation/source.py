"""A text under translation as its marks, what of it must stay, and the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from octavo.text.parts import Kept, Mark, Part, plain
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


class Source:
    """The parts of a passage, by the characters of its plain text."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.text = plain(parts)
        self._marks: list[tuple[int, Mark]] = []
        kept = []
        at = 0
        for part in parts:
            if isinstance(part, Mark):
                self._marks.append((at, part))
                continue
            text = part if isinstance(part, str) else part.text
            if isinstance(part, Kept):
                kept.append(KeptSpan(at, at + len(text), text, part))
            at += len(text)
        self.kept = tuple(_with_protected(self.text, kept))

    def has_marks(self, start: int, end: int) -> bool:
        """Whether a mark lies between two characters, not at them."""
        return any(start < at < end for at, _ in self._marks)

    def kept_in(self, start: int, end: int) -> tuple[KeptSpan, ...]:
        """What must stay between two characters."""
        return tuple(kept for kept in self.kept if start <= kept.start and kept.end <= end)

    def inside(self, start: int, end: int) -> tuple[Part, ...]:
        """The parts of a segment: marks at its ends are not in it."""
        marks = [(at, mark) for at, mark in self._marks if start < at < end]
        return tuple(self._parts(start, end, marks))

    def between(
        self, start: int, end: int, first_mark: int | None = None, last_mark: int | None = None
    ) -> tuple[Part, ...]:
        """The parts of what lies between two segments, with the marks at its ends, unless it is said where
        the first and the last mark may stand."""
        low = start if first_mark is None else first_mark
        high = end if last_mark is None else last_mark
        marks = [(at, mark) for at, mark in self._marks if low <= at <= high]
        return tuple(self._parts(start, end, marks))

    def _parts(self, start: int, end: int, marks: Sequence[tuple[int, Mark]]) -> Iterator[Part]:
        kept = {span.start: span for span in self.kept if span.part and start <= span.start < end}
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


def _with_protected(text: str, kept: Sequence[KeptSpan]) -> Iterator[KeptSpan]:
    """What a document keeps, and what of the rest of the text must stay; in order, without overlaps."""
    found = protected_spans(text)
    coming = iter([*kept, None])
    stated = next(coming)
    for span in found:
        while stated is not None and stated.end <= span.start:
            yield stated
            stated = next(coming)
        if stated is None or span.end <= stated.start:
            yield KeptSpan(span.start, span.end, text[span.start : span.end])
    while stated is not None:
        yield stated
        stated = next(coming)

"""A translation memory beside the search: what it has is not searched for, and what was found it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from octavo.languages import Direction
from octavo.memory import MemorySession
from octavo.text.parts import Part, merged
from octavo.translation.segment import Cut, Segment
from octavo.translation.warning import TranslationWarning

_KEPT_ALL_THE_SAME = frozenset({TranslationWarning.PIECES})


class Recall:
    """One memory for one call. ``session``: what of it is of a direction. ``least_score``: sources at least
    so alike, in percent, are reported."""

    def __init__(self, session: Callable[[Direction], MemorySession], least_score: float | None) -> None:
        self._session = session
        self._least_score = least_score

    def fill(self, cuts: Sequence[Cut]) -> None:
        """Give every segment the translation that the memory has, and those without one what is like them."""
        for session, chosen in self._by_session(cuts):
            segments = [
                segment for cut in chosen for segment in cut.segments if segment.ids and not segment.opening
            ]
            hits = session.lookup([segment.parts for segment in segments])
            for segment, hit in zip(segments, hits, strict=True):
                if hit is not None:
                    segment.remembered = hit.target
                elif self._least_score is not None:
                    similar = session.fuzzy(segment.text, self._least_score, 1)
                    segment.similar = similar[0] if similar else None

    def keep(self, cuts: Sequence[Cut]) -> None:
        """Keep what the model found, unless it should be looked at."""
        for session, chosen in self._by_session(cuts):
            session.add(pair for cut in chosen for pair in _found(cut))

    def _by_session(self, cuts: Sequence[Cut]) -> Iterator[tuple[MemorySession, list[Cut]]]:
        groups: dict[Direction, list[Cut]] = {}
        for cut in cuts:
            groups.setdefault(cut.direction, []).append(cut)
        for direction, chosen in groups.items():
            yield self._session(direction), chosen


def _found(cut: Cut) -> Iterator[tuple[tuple[Part, ...], tuple[Part, ...]]]:
    for segment in cut.segments:
        if segment.found and not segment.opening and segment.warnings <= _KEPT_ALL_THE_SAME:
            yield segment.parts, segment.result
    for lost, around in cut.replaced:
        if not lost.opening and all(segment.warnings <= _KEPT_ALL_THE_SAME for segment in around):
            yield lost.parts, merged(_whole(lost, around))


def _whole(lost: Segment, around: Sequence[Segment]) -> Iterator[Part]:
    """The translation of a segment that was translated in pieces."""
    at, mark = lost.start, lost.marks.start
    for segment in around:
        yield from lost.source.between(at, segment.start, range(mark, segment.marks.start))
        yield from segment.result
        at, mark = segment.end, segment.marks.stop
    yield from lost.source.between(at, lost.end, range(mark, lost.marks.stop))

"""Rounds against the clock, and what they come to."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from octavo.bench.work import Work
from octavo.engine import Hypothesis, SearchOptions
from octavo.engine.engine import TokenIds
from octavo.errors import OctavoError


class TranslatingEngine(Protocol):
    """What is measured; see octavo.engine.Engine."""

    def translate(self, sources: Sequence[TokenIds], options: SearchOptions) -> list[list[Hypothesis]]:
        """For each source its n-best list."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pass:
    """All of the work, done once. ``translations``: target tokens of each sentence, EOS included.

    ``sentence_seconds``: of each sentence, where they were translated one at a time.
    """

    seconds: float
    translations: tuple[int, ...]
    sentence_seconds: tuple[float, ...] = ()

    @property
    def tokens_per_second(self) -> float:
        """Target tokens with EOS."""
        return sum(self.translations) / self.seconds

    @property
    def ms_per_sentence(self) -> float:
        """The median of sentences on their own; else the mean over all of them."""
        if self.sentence_seconds:
            return 1000 * statistics.median(self.sentence_seconds)
        return 1000 * self.seconds / len(self.translations)


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The median of several rounds, and the least and the most of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Range:
        """Raises ValueError where there are none."""
        return cls(statistics.median(values), min(values), max(values))


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """What the rounds of one contestant come to. ``p90_ms``: of sentences on their own, over all rounds."""

    seconds: Range
    tokens_per_second: Range
    ms_per_sentence: Range
    p90_ms: float | None


def figures(passes: Sequence[Pass]) -> Figures:
    """Medians and ranges over rounds."""
    sentences = sorted(seconds for done in passes for seconds in done.sentence_seconds)
    return Figures(
        Range.of([done.seconds for done in passes]),
        Range.of([done.tokens_per_second for done in passes]),
        Range.of([done.ms_per_sentence for done in passes]),
        1000 * sentences[9 * len(sentences) // 10] if sentences else None,
    )


def run_once(engine: TranslatingEngine, work: Work, *, latency: bool) -> Pass:
    """One pass. Raises OctavoError where a translation has not the length that was forced."""
    if latency:
        found, taken = [], []
        for source in work.sources:
            start = time.perf_counter()
            found += engine.translate([source], work.options)
            taken.append(time.perf_counter() - start)
        return Pass(sum(taken), _lengths(found, work), tuple(taken))
    start = time.perf_counter()
    found = engine.translate(work.sources, work.options)
    return Pass(time.perf_counter() - start, _lengths(found, work))


def _lengths(found: Sequence[Sequence[Hypothesis]], work: Work) -> tuple[int, ...]:
    lengths = tuple(len(best[0].tokens) + best[0].complete for best in found)
    if work.forced is not None and set(lengths) - {work.forced}:
        raise OctavoError(f"translations have {min(lengths)} to {max(lengths)} tokens, not {work.forced}")
    return lengths


def measure(
    engines: Mapping[str, TranslatingEngine],
    work: Work,
    *,
    rounds: int,
    latency: bool = False,
    advance: Callable[[int], None] = lambda _done: None,
) -> dict[str, list[Pass]]:
    """A warm-up, then ``rounds`` rounds of all engines, each starting with another one.

    ``advance`` hears after each pass how many are done, of (rounds + 1) * len(engines).
    """
    names = list(engines)
    found: dict[str, list[Pass]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names)
        for place, name in enumerate(names[first:] + names[:first]):
            done = run_once(engines[name], work, latency=latency)
            if turn:
                found[name].append(done)
            advance(turn * len(names) + place + 1)
    return found

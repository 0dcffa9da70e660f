"""Engines are timed in interleaved rounds, and the rounds summed up in figures."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from octavo.bench.work import Work
from octavo.engine import Hypothesis, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.errors import OctavoError
from octavo.race import Spread, race, timed


class TranslatingEngine(Protocol):
    """What is measured; see octavo.engine.Engine."""

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
    ) -> list[list[Hypothesis]]:
        """For each source its n-best list."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pass:
    """One pass over all of the work. ``translations``: target tokens of each sentence, EOS included.

    ``sentence_seconds``: the seconds of each sentence, where they were translated one at a time.
    """

    seconds: float
    translations: tuple[int, ...]
    sentence_seconds: tuple[float, ...] = ()

    @property
    def tokens_per_second(self) -> float:
        """Target tokens, EOS included, per second."""
        return sum(self.translations) / self.seconds

    @property
    def ms_per_sentence(self) -> float:
        """The median sentence where they were translated one at a time; else the mean over all of them."""
        if self.sentence_seconds:
            return 1000 * statistics.median(self.sentence_seconds)
        return 1000 * self.seconds / len(self.translations)


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one contestant over its rounds. ``p90_ms``: nine of ten sentences took at most so many
    milliseconds, over all rounds, where they were translated one at a time."""

    seconds: Spread
    tokens_per_second: Spread
    ms_per_sentence: Spread
    p90_ms: float | None


def figures(passes: Sequence[Pass]) -> Figures:
    """Medians and ranges over rounds."""
    sentences = sorted(seconds for done in passes for seconds in done.sentence_seconds)
    return Figures(
        Spread.of([done.seconds for done in passes]),
        Spread.of([done.tokens_per_second for done in passes]),
        Spread.of([done.ms_per_sentence for done in passes]),
        1000 * sentences[9 * len(sentences) // 10] if sentences else None,
    )


def run_once(engine: TranslatingEngine, work: Work, *, latency: bool) -> Pass:
    """One pass. Raises OctavoError where a translation has not the length that was forced."""
    if latency:
        found, taken = [], []
        prefixes = work.target_prefixes(1)
        for source in work.sources:
            seconds, hypotheses = timed(
                functools.partial(engine.translate, [source], work.options, target_prefixes=prefixes)
            )
            taken.append(seconds)
            found += hypotheses
        return Pass(sum(taken), _lengths(found, work), tuple(taken))
    prefixes = work.target_prefixes(len(work.sources))
    seconds, found = timed(lambda: engine.translate(work.sources, work.options, target_prefixes=prefixes))
    return Pass(seconds, _lengths(found, work))


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
    """The passes of every engine in a race of ``rounds`` rounds.

    ``advance`` hears after each pass how many are done, of (rounds + 1) * len(engines).
    """
    runs = {
        name: functools.partial(run_once, engine, work, latency=latency) for name, engine in engines.items()
    }
    done = itertools.count(1)
    return race(runs, rounds, advance=lambda *_pass: advance(next(done)))

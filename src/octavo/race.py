"""Contestants measured in interleaved rounds, so that a slow moment of the machine hits all of them alike.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """The median of several values, and the least and the most of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where there are none."""
        return cls(statistics.median(values), min(values), max(values))


def race(
    contestants: Mapping[str, Callable[[], Result]],
    rounds: int,
    *,
    advance: Callable[[str, int, Result], None] = lambda _name, _turn, _result: None,
) -> dict[str, list[Result]]:
    """Run every contestant once a round, and return the results of each, a result a round.

    A warm-up comes before the ``rounds`` that count, and each starts with another contestant. ``advance``
    hears the name, the round (0: the warm-up) and the result after each run. Raises ValueError where
    ``rounds`` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds = {rounds}: a race takes 1 or more")
    names = list(contestants)
    found: dict[str, list[Result]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            result = contestants[name]()
            if turn:
                found[name].append(result)
            advance(name, turn, result)
    return found


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """The seconds that the work takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def paired_ratio(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """How many times the baseline's value a contestant's is, round by round: the median of these ratios.

    Values of one round were measured next to each other, so what slows the machine for a while cancels.
    Raises ValueError where the two have not as many rounds.
    """
    return Spread.of([value / other for value, other in zip(values, baseline, strict=True)])

"""The search for the products that must stay in float32 for the budget to hold.

Products fall back to float32 in the order of what they cost, more and more of them until the budget
holds; then the fewest of these; then a revert pass tries to win each of them back (after Intel Neural
Compressor's tuning). Nothing here is random or timed, so the same model and text take the same steps.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Final

from octavo.calibration.choose.budget import Budget
from octavo.calibration.errors import GateError
from octavo.calibration.measure.dev_text import DevResult

DEFAULT_MEASUREMENTS: Final = 40


class Action(enum.StrEnum):
    """What a step of the gate tries."""

    START = "start"
    FALL_BACK = "fall back"
    REFINE = "refine"
    REVERT = "revert"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One measurement: with ``float32`` left in float (beside what the coverage leaves there).

    ``changed``: the products that this step moved. ``violations`` empty: the budget held.
    """

    action: Action
    changed: tuple[str, ...]
    float32: frozenset[str]
    result: DevResult
    violations: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class FallbackResult:
    """``float32``: the products that the gate left in float32, so that the budget holds; ``result``: the
    dev set translated so; ``steps``: how it got there."""

    float32: frozenset[str]
    result: DevResult
    steps: tuple[Step, ...]


Measure = Callable[[frozenset[str]], DevResult]
"""Translate the dev set with these products left in float32 too."""

Diverge = Callable[[frozenset[str]], float]
"""KL from float32, in nats per target token, with these products left in float32 too."""


class FallbackSearch:
    """One search for the products that must fall back to float32.

    ``float32``: the dev set's result in float32. ``most``: the number of
    measurements after which the search stops trying products in int8 again.
    """

    def __init__(
        self,
        budget: Budget,
        float32: DevResult,
        measure: Measure,
        diverge: Diverge,
        *,
        most: int = DEFAULT_MEASUREMENTS,
    ) -> None:
        self._budget = budget
        self._float32 = float32
        self._measure = measure
        self._diverge = diverge
        self._most = most
        self._steps: list[Step] = []
        self._known: dict[frozenset[str], Step] = {}

    def search(self, order: Callable[[], Sequence[str]], harm: Callable[[str], float]) -> FallbackResult:
        """Find few products in float32 with which the budget holds.

        ``order``: the products that may fall back, the most rewarding first; it is asked for only where
        the budget does not hold as it is. ``harm``: what a product costs in int8; the most
        harmless are tried in int8 again first. Raises GateError where not even all of them in float32 are
        enough.
        """
        if self._holds(Action.START, frozenset(), ()):
            return self._result(frozenset())
        candidates = list(order())
        count = self._fall_back(candidates)
        chosen = frozenset(candidates[:count])
        chosen = self._revert(chosen, sorted(chosen, key=lambda name: (harm(name), name)))
        return self._result(chosen)

    def _fall_back(self, candidates: Sequence[str]) -> int:
        """How many of the first candidates must fall back: half as many more each time, then bisected."""
        failing, passing = 0, 1
        while not self._holds_first(Action.FALL_BACK, candidates, failing, passing):
            if passing == len(candidates):
                raise self._failure(len(candidates))
            failing, passing = passing, min(passing + (passing + 1) // 2, len(candidates))
        while passing - failing > 1:
            middle = (passing + failing) // 2
            if self._holds_first(Action.REFINE, candidates, failing, middle):
                passing = middle
            else:
                failing = middle
        return passing

    def _holds_first(self, action: Action, candidates: Sequence[str], before: int, count: int) -> bool:
        return self._holds(action, frozenset(candidates[:count]), tuple(candidates[before:count]))

    def _revert(self, chosen: frozenset[str], pending: list[str]) -> frozenset[str]:
        """Try products in int8 again: half of the rest at once, fewer where the budget does not hold then."""
        size = max(1, len(pending) // 2)
        while pending and len(self._steps) < self._most:
            group = tuple(pending[:size])
            if self._holds(Action.REVERT, chosen.difference(group), group):
                chosen = chosen.difference(group)
                pending = pending[size:]
            elif size == 1:
                pending = pending[1:]
            else:
                size //= 2
        return chosen

    def _holds(self, action: Action, float32: frozenset[str], changed: tuple[str, ...]) -> bool:
        if float32 in self._known:
            return not self._known[float32].violations
        result = self._measure(float32)
        violations = (
            *self._budget.violations(self._float32.scores, result.scores),
            *self._budget.divergence_violations(self._diverge(float32)),
        )
        step = Step(action, changed, float32, result, violations)
        self._known[float32] = step
        self._steps.append(step)
        return not violations

    def _result(self, chosen: frozenset[str]) -> FallbackResult:
        return FallbackResult(chosen, self._known[chosen].result, tuple(self._steps))

    def _failure(self, count: int) -> GateError:
        last = self._steps[-1]
        return GateError(
            f"no model was written: even with all {count} products in float32 the budget does not hold "
            f"({'; '.join(last.violations)}). Allow more with --max-drop, or use a larger dev set"
        )

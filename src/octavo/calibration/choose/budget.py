"""What quantization may cost."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

from octavo.calibration.errors import GateError
from octavo.calibration.measure.dev_text import METRIC_NAMES, Metric, Scores

DEFAULT_MAX_DROP: Final = 0.1
_NATS_A_POINT: Final = 0.02
_LEAST_NATS: Final = 0.001


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """What quantization may cost on the dev set, against float32.

    ``max_drop``: points of the metric. ``max_unfinished``: share of translations that float32 ends and
    the candidate does not. ``max_length_change``: of the length ratio, relative to float32's.
    """

    metric: Metric = "bleu"
    max_drop: float = DEFAULT_MAX_DROP
    max_unfinished: float = 0.005
    max_length_change: float = 0.02

    def __post_init__(self) -> None:
        if not math.isfinite(self.max_drop):
            raise GateError(f"max_drop = {self.max_drop}: must be a number of points")

    @property
    def max_divergence(self) -> float:
        """The most KL per target token, in nats, for ``max_drop``: a dev score alone may hold by luck."""
        return max(_NATS_A_POINT * self.max_drop, _LEAST_NATS)

    def divergence_violations(self, divergence: float) -> list[str]:
        """What is over budget in the divergence from float32, in words; empty where the budget holds."""
        if divergence <= self.max_divergence:
            return []
        return [f"predictions differ by {divergence:.1e} nats a token, {self.max_divergence:g} allowed"]

    def drop(self, float32: Scores, candidate: Scores) -> float:
        """Points lost; negative where the candidate is better."""
        return float32.score(self.metric) - candidate.score(self.metric)

    def violations(self, float32: Scores, candidate: Scores) -> list[str]:
        """What is over budget, in words; empty where the budget holds."""
        found = []
        drop = self.drop(float32, candidate)
        if drop > self.max_drop:
            found.append(f"{METRIC_NAMES[self.metric]} drops by {drop:.2f}, {self.max_drop:g} allowed")
        unfinished = float32.complete_share - candidate.complete_share
        if unfinished > self.max_unfinished:
            found.append(
                f"{unfinished:.1%} more translations run into the length limit, "
                f"{self.max_unfinished:.1%} allowed"
            )
        if float32.length_ratio > 0:
            change = candidate.length_ratio / float32.length_ratio - 1
            if abs(change) > self.max_length_change:
                found.append(
                    f"translations are {abs(change):.1%} {'longer' if change > 0 else 'shorter'}, "
                    f"{self.max_length_change:.0%} allowed"
                )
        return found

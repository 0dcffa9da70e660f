"""Which validations count: when to stop, and whose weights are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from octavo.training.checkpoint import Validation
from octavo.training.recipe import AverageRecipe

Metric = Literal["bleu", "loss"]


def quality(result: Validation, metric: Metric) -> float:
    """Larger is better: BLEU of the first dev set, or its loss negated. The worst where there is no BLEU,
    because the metric was the loss then.
    """
    if metric == "loss":
        return -result.loss
    return result.bleu[0] if result.bleu else -math.inf


def validations_since_best(done: Sequence[Validation], metric: Metric) -> int:
    """How many came after the (first) best one; 0 for none. Those without the metric do not count."""
    qualities = [quality(result, metric) for result in done if metric == "loss" or result.bleu]
    return len(qualities) - 1 - qualities.index(max(qualities)) if qualities else 0


def updates_to_average(done: Sequence[Validation], average: AverageRecipe, metric: Metric) -> list[int]:
    """The updates whose weights are averaged, in order."""
    ranked = list(done)
    if average.by == "best":
        ranked.sort(key=lambda result: (quality(result, metric), -result.loss))
    return sorted(result.update for result in ranked[-average.count :])

"""The three classes of tensors of Bhandare et al. 2019, by criteria of our own (docs/calibration.md)."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Final

import numpy as np

from octavo.quantization.observers import SiteStatistics
from octavo.quantization.thresholds import UNSIGNED_STEPS, percentile

SPARSE_FROM: Final = 0.25
NARROW_UP_TO: Final = 0.25
INNER_PERCENT: Final = 99.9


class TensorClass(enum.StrEnum):
    """What a tensor's histogram looks like."""

    SPARSE = "sparse"
    NARROW = "narrow"
    GAUSSIAN = "gaussian"


@dataclasses.dataclass(frozen=True, slots=True)
class Classification:
    """A tensor's class and the figures that decide it; ``kurtosis`` is only reported.

    ``zero_share``: exact zeros among all values. ``vanishing_share``: these and, where no value is
    negative, those below half a step of the largest / 255. ``inner_range``: what 99.9 % of the non-zero
    magnitudes stay below, as a share of the largest.
    """

    tensor_class: TensorClass
    zero_share: float
    vanishing_share: float
    inner_range: float
    kurtosis: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self) | {"tensor_class": self.tensor_class.value}


def classify(statistics: SiteStatistics) -> Classification:
    """The class of a tensor: sparse, else narrow, else Gaussian. A tensor of zeros is sparse."""
    vanishing = vanishing_share(statistics)
    inner = 0.0
    if statistics.largest:
        inner = percentile(statistics.magnitudes, INNER_PERCENT) / statistics.largest
    if vanishing >= SPARSE_FROM:
        found = TensorClass.SPARSE
    elif inner <= NARROW_UP_TO:
        found = TensorClass.NARROW
    else:
        found = TensorClass.GAUSSIAN
    return Classification(found, statistics.zero_share, vanishing, inner, statistics.kurtosis)


def vanishing_share(statistics: SiteStatistics) -> float:
    """Share of values that are 0, or become 0 when a one-sided tensor is spread over 0 to 255 unclipped.

    Of the histogram, only bins that lie below half a step altogether are counted.
    """
    if not statistics.count:
        return 0.0
    vanishing = statistics.zeros
    if statistics.negative.largest == 0 and statistics.positive.largest:
        half_step = statistics.positive.largest / (2 * UNSIGNED_STEPS)
        bins = int(np.floor(half_step / statistics.positive.bin_width))
        vanishing += int(statistics.positive.counts[:bins].sum())
    return vanishing / statistics.count

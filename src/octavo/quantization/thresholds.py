"""Ranges for static quantization, found from observed statistics by one of six methods.

docs/calibration.md defines each; ``kl-*`` are those of Bhandare et al. 2019.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import Final

from octavo.errors import QuantizationError
from octavo.model.plan import SMALLEST_SCALE, Static
from octavo.quantization.histogram import Histogram
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.threshold_search import kl_divergences, last_smallest, squared_errors

SIGNED_STEPS: Final = 127
UNSIGNED_STEPS: Final = 255
DEFAULT_PERCENT: Final = 99.99

# Candidates whose divergence (nats) or squared error (over the mean square) differ by less are equal.
TIE: Final = 1e-12


class Method(enum.StrEnum):
    """How a threshold is chosen."""

    NAIVE = "naive"
    PERCENTILE = "percentile"
    MSE = "mse"
    KL_SYMMETRIC = "kl-symmetric"
    KL_INDEPENDENT = "kl-independent"
    KL_CONJUGATE = "kl-conjugate"


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The interval [low, high] that 8 bits are spread over; it holds 0. Numbers outside saturate."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low <= 0 <= self.high < math.inf:  # NaN fails too
            raise QuantizationError(f"range [{self.low}, {self.high}]: must be finite and hold 0")

    def static(self) -> Static:
        """Scale and zero point: [0, b] starts at 0, [-T, T] is centred on 128, [a, b] fills 0 to 255.

        0 is exact in all three. An empty range gets scale 1. Raises SpecError beyond 1e30.
        """
        if self.low == self.high == 0:
            return Static(1.0, 0)
        if self.low == 0:
            return Static(_scale(self.high, UNSIGNED_STEPS), 0)
        if self.low == -self.high:
            return Static(_scale(self.high, SIGNED_STEPS), 128)
        width = self.high - self.low
        return Static(_scale(width, UNSIGNED_STEPS), round(-self.low / width * UNSIGNED_STEPS))


def _scale(extent: float, steps: int) -> float:
    return max(extent / steps, SMALLEST_SCALE)


def find_range(statistics: SiteStatistics, method: Method, *, percent: float = DEFAULT_PERCENT) -> Range:
    """The range of one tensor. Only the method ``percentile`` reads ``percent``, above 0 and at most 100.

    A tensor without negative numbers gets [0, T] with 255 steps; any other [-T, T], or the two halves'
    own thresholds for ``kl-independent``. A tensor of zeros gets [0, 0].
    """
    if statistics.negative.largest == 0:
        return Range(0.0, _threshold(statistics.positive, method, UNSIGNED_STEPS, percent))
    if method is Method.KL_INDEPENDENT:
        low = _threshold(statistics.negative, method, SIGNED_STEPS, percent)
        return Range(-low, _threshold(statistics.positive, method, SIGNED_STEPS, percent))
    threshold = find_threshold(statistics, method, percent=percent)
    return Range(-threshold, threshold)


def find_threshold(statistics: SiteStatistics, method: Method, *, percent: float = DEFAULT_PERCENT) -> float:
    """T of the symmetric range [-T, T] with 127 steps each way, whatever the tensor's signs; 0 for zeros.

    ``kl-independent`` has no such range and gives that of ``kl-conjugate``.
    """
    if method in (Method.KL_INDEPENDENT, Method.KL_CONJUGATE):
        halves = (statistics.positive, statistics.negative)
        return max(_threshold(half, method, SIGNED_STEPS, percent) for half in halves)
    return _threshold(statistics.magnitudes, method, SIGNED_STEPS, percent)


def head_scales(
    heads: HeadStatistics, method: Method, *, percent: float = DEFAULT_PERCENT
) -> tuple[float, ...]:
    """One scale per head around zero point 128, ready for a plan's ``heads``; 1 for a head of zeros."""
    thresholds = (find_threshold(head, method, percent=percent) for head in heads.heads)
    return tuple(Range(-t, t).static().scale for t in thresholds)


def _threshold(histogram: Histogram, method: Method, steps: int, percent: float) -> float:
    if not 0 < percent <= 100:
        raise QuantizationError(f"percent = {percent}: must be above 0 and at most 100")
    if method is Method.NAIVE:
        return histogram.largest
    if method is Method.PERCENTILE:
        return percentile(histogram, percent)
    if method is Method.MSE:
        return least_squares(histogram, steps)
    if method in (Method.KL_SYMMETRIC, Method.KL_INDEPENDENT, Method.KL_CONJUGATE):
        return least_divergence(histogram, steps + 1)
    raise QuantizationError(f"method {method}: no threshold is defined for it")


def percentile(histogram: Histogram, percent: float) -> float:
    """Upper edge of the first bin up to which ``percent`` of the numbers lie; at most the largest number."""
    below = histogram.counts.cumsum()
    enough = below * 100.0 >= percent * float(below[-1])
    return min((int(enough.argmax()) + 1) * histogram.bin_width, histogram.largest)


def least_squares(histogram: Histogram, steps: int) -> float:
    """The end of range with the smallest squared error; the largest number where there is no choice."""
    errors = squared_errors(histogram.counts, steps)
    if not errors.size:
        return histogram.largest
    bins = steps + last_smallest(errors, TIE)
    return min(bins * histogram.bin_width, histogram.largest)


def least_divergence(histogram: Histogram, levels: int) -> float:
    """The end of range with the smallest divergence; the largest number where there is no choice."""
    divergences = kl_divergences(histogram.counts, levels)
    if not divergences.size:
        return histogram.largest
    bins = levels + last_smallest(divergences, TIE)
    return min((bins + 0.5) * histogram.bin_width, histogram.largest)

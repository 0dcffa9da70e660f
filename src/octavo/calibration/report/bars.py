"""Histograms as the report draws them."""

from __future__ import annotations

import dataclasses

import numpy as np

from octavo.quantization.histogram import Histogram
from octavo.quantization.observers import SiteStatistics


@dataclasses.dataclass(frozen=True, slots=True)
class Bars:
    """Counts of numbers in bins of equal width over [low, high]; exact zeros are in none of them."""

    low: float
    high: float
    counts: tuple[int, ...]

    @classmethod
    def of(cls, statistics: SiteStatistics, most: int = 256) -> Bars:
        """Both signs of an observed tensor, in at most ``most`` bins."""
        negative, positive = statistics.negative.copy(), statistics.positive.copy()
        for half, other in ((negative, positive), (positive, negative)):
            half.cover(other.bin_width * len(other.counts) / 2)
        below, above = _occupied(negative), _occupied(positive)
        width = positive.bin_width
        merged = max(1, -(-(below + above) // (most - 1)))
        left, right = _coarse(negative, below, merged), _coarse(positive, above, merged)
        counts = [*reversed(left), *right] or [0]
        width *= merged
        return cls(-len(left) * width, max(len(right), 1 - len(left)) * width, tuple(counts))

    def coarsened(self, most: int) -> Bars:
        """The same in at most ``most`` bins; neighbours are merged, and empty bins added at the end."""
        merged = -(-len(self.counts) // most)
        if merged <= 1:
            return self
        padded = [*self.counts, *[0] * (-len(self.counts) % merged)]
        width = (self.high - self.low) / len(self.counts)
        counts = np.reshape(padded, (-1, merged)).sum(axis=1)
        return Bars(self.low, self.low + width * len(padded), tuple(counts.tolist()))


def _occupied(histogram: Histogram) -> int:
    return int(np.flatnonzero(histogram.counts)[-1]) + 1 if histogram.total else 0


def _coarse(histogram: Histogram, end: int, merged: int) -> list[int]:
    counts = np.append(histogram.counts[:end], np.zeros(-end % merged, np.int64))
    found: list[int] = counts.reshape(-1, merged).sum(axis=1).tolist()
    return found

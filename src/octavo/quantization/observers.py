"""Observers gather statistics of the tensors that calibration sees: ranges, histograms, channels, moments.

docs/calibration.md defines each figure and says what it depends on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from octavo.errors import QuantizationError
from octavo.quantization.arrays import Float32Array, Float64Array
from octavo.quantization.histogram import BINS, Histogram

_VALUES_AT_ONCE: Final = 1 << 14


@dataclasses.dataclass(slots=True, eq=False)
class SiteStatistics:
    """Figures of one tensor, gathered over any number of batches of rows.

    ``width``: channels of a row; 0 where rows have no fixed width, and then no channel is told from
    another. ``count``, ``rows``, ``zeros``: values, rows and exact zeros seen. ``low``, ``high``: smallest
    and largest value. ``positive``, ``negative``: histograms of the magnitudes of either sign, without zeros.
    ``channel_largest`` float32 [width]: max |x|; ``channel_sum`` float64 [width]. ``power_sums`` float64 [4]:
    sums of x, x^2, x^3, x^4.
    """

    site: str
    width: int
    count: int = 0
    rows: int = 0
    zeros: int = 0
    low: float = 0.0
    high: float = 0.0
    positive: Histogram = dataclasses.field(default_factory=Histogram)
    negative: Histogram = dataclasses.field(default_factory=Histogram)
    channel_largest: Float32Array = dataclasses.field(init=False)
    channel_sum: Float64Array = dataclasses.field(init=False)
    power_sums: Float64Array = dataclasses.field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        self.channel_largest = np.zeros(self.width, np.float32)
        self.channel_sum = np.zeros(self.width)

    def add(self, rows: Float32Array) -> None:
        """Count float32 rows [rows, width]; a tensor of width 0 may have any shape.

        Raises QuantizationError, naming site and channel, at NaN or infinity, and does not count that block.
        """
        if rows.dtype != np.float32 or (self.width and (rows.ndim != 2 or rows.shape[1] != self.width)):
            raise ValueError(
                f"{self.site}: expected float32 [rows, {self.width}], not {rows.dtype} {rows.shape}"
            )
        if self.width == 0:
            rows = rows.reshape(-1, 1)
        step = max(1, _VALUES_AT_ONCE // rows.shape[1])
        for first in range(0, len(rows), step):
            self._add_block(np.ascontiguousarray(rows[first : first + step]))

    def _add_block(self, block: Float32Array) -> None:
        columns = block if self.width else block.reshape(-1)
        lows, highs = np.min(columns, axis=0), np.max(columns, axis=0)
        self._check_finite(lows, highs)
        values = block.reshape(-1)
        low, high = float(np.min(lows)), float(np.max(highs))
        self.low = min(self.low, low) if self.count else low
        self.high = max(self.high, high) if self.count else high
        self._count(values, low, high)
        self._sum(block)
        if self.width:
            np.maximum(self.channel_largest, np.maximum(-lows, highs), out=self.channel_largest)
        self.count += values.size
        self.rows += len(block) if self.width else 0

    def _check_finite(self, lows: Float32Array, highs: Float32Array) -> None:
        finite = np.atleast_1d(np.isfinite(lows) & np.isfinite(highs))
        if not finite.all():
            where = f"channel {int(np.argmin(finite))} holds" if self.width else "there is"
            raise QuantizationError(
                f"{self.site}: {where} NaN or infinity; repair the model, or look for the line that causes it"
            )

    def _count(self, values: Float32Array, low: float, high: float) -> None:
        """Fill both histograms by one bincount; it is exact, since bin widths are powers of two."""
        self.positive.cover(max(high, 0.0))
        self.negative.cover(max(-low, 0.0))
        scaled = np.maximum(values, np.float32(0)) * np.float32(1 / self.positive.bin_width)
        if low < 0:
            scaled += np.minimum(values, np.float32(0)) * np.float32(1 / self.negative.bin_width)
        bins = scaled.astype(np.int32)
        bins += BINS - 1
        counts = np.bincount(bins, minlength=2 * BINS - 1)
        negative = counts[BINS - 1 :: -1].copy()
        positive = counts[BINS - 1 :]
        zeros = values.size - int(np.count_nonzero(values))
        negative[0] = np.count_nonzero(values < 0) - negative[1:].sum()
        positive[0] -= negative[0] + zeros
        self.negative.counts += negative
        self.positive.counts += positive
        self.zeros += zeros

    def _sum(self, block: Float32Array) -> None:
        exact = block.astype(np.float64)
        values = exact.reshape(-1)
        squares = values * values
        if self.width:
            self.channel_sum += exact.sum(axis=0)
        self.power_sums += (
            values.sum(),
            squares.sum(),
            np.einsum("i,i->", squares, values),
            np.einsum("i,i->", squares, squares),
        )

    @property
    def largest(self) -> float:
        """max |x|."""
        return max(self.positive.largest, self.negative.largest)

    @property
    def magnitudes(self) -> Histogram:
        """Histogram of |x|, exact zeros left out."""
        return self.positive.plus(self.negative)

    @property
    def zero_share(self) -> float:
        """Share of exact zeros, 0 to 1."""
        return self.zeros / self.count if self.count else 0.0

    @property
    def channel_mean(self) -> Float64Array:
        """Mean of every channel: [width]."""
        return self.channel_sum / max(self.rows, 1)

    @property
    def mean(self) -> float:
        """Mean of all values."""
        return float(self.power_sums[0]) / max(self.count, 1)

    @property
    def variance(self) -> float:
        """Mean squared distance from the mean."""
        return max(float(self.power_sums[1]) / max(self.count, 1) - self.mean**2, 0.0)

    @property
    def kurtosis(self) -> float:
        """Fourth central moment over the squared variance (a normal distribution has 3); 0 for a constant."""
        mean, (_, second, third, fourth) = self.mean, (float(s) / max(self.count, 1) for s in self.power_sums)
        if self.variance <= 1e-12 * second:  # nothing but the rounding of the sums
            return 0.0
        return max(fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4, 0.0) / self.variance**2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; every bit is kept."""
        values = {name: getattr(self, name) for name in _PLAIN}
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return values | arrays | {"positive": self.positive.to_dict(), "negative": self.negative.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SiteStatistics:
        """Inverse of ``to_dict``. Raises QuantizationError where the values are no statistics."""
        try:
            new = cls(str(values["site"]), int(values["width"]))
            for name in ("count", "rows", "zeros"):
                setattr(new, name, int(values[name]))
            new.low, new.high = float(values["low"]), float(values["high"])
            for name in _ARRAYS:
                getattr(new, name)[...] = np.asarray(values[name])
            new.positive = Histogram.from_dict(values["positive"])
            new.negative = Histogram.from_dict(values["negative"])
        except (KeyError, TypeError, ValueError) as error:
            raise QuantizationError(f"statistics of a site: {error!r}; calibrate again") from error
        return new


_PLAIN: Final = ("site", "width", "count", "rows", "zeros", "low", "high")
_ARRAYS: Final = ("channel_largest", "channel_sum", "power_sums")


class HeadStatistics:
    """Figures of one tensor for each attention head: equal slices of the row, ``heads[h]`` for head h."""

    __slots__ = ("heads", "site")

    def __init__(self, site: str, width: int, heads: int) -> None:
        if heads < 1 or width < heads or width % heads:
            raise ValueError(f"{site}: {width} channels cannot be split into {heads} heads")
        self.site = site
        self.heads = tuple(SiteStatistics(f"{site}, head {h}", width // heads) for h in range(heads))

    def add(self, rows: Float32Array) -> None:
        """Take in float32 rows [rows, width]; errors as those of ``SiteStatistics.add``."""
        channels = self.heads[0].width
        if rows.ndim != 2 or rows.shape[1] != channels * len(self.heads):
            raise ValueError(f"{self.site}: expected [rows, {channels * len(self.heads)}], not {rows.shape}")
        for h, head in enumerate(self.heads):
            head.add(rows[:, h * channels : (h + 1) * channels])

    def whole(self) -> SiteStatistics:
        """The figures of the whole row, heads taken together."""
        new = SiteStatistics(self.site, sum(head.width for head in self.heads))
        for head in self.heads:
            new.positive = new.positive.plus(head.positive)
            new.negative = new.negative.plus(head.negative)
            new.power_sums += head.power_sums
        new.count = sum(head.count for head in self.heads)
        new.zeros = sum(head.zeros for head in self.heads)
        new.rows = self.heads[0].rows
        new.low = min(head.low for head in self.heads)
        new.high = max(head.high for head in self.heads)
        new.channel_largest = np.concatenate([head.channel_largest for head in self.heads])
        new.channel_sum = np.concatenate([head.channel_sum for head in self.heads])
        return new

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; every bit is kept."""
        return {"site": self.site, "heads": [head.to_dict() for head in self.heads]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HeadStatistics:
        """Inverse of ``to_dict``. Raises QuantizationError where the values are no statistics."""
        try:
            heads = tuple(SiteStatistics.from_dict(head) for head in values["heads"])
            new = cls(str(values["site"]), sum(head.width for head in heads), len(heads))
        except (KeyError, TypeError, ValueError) as error:
            raise QuantizationError(f"statistics of heads: {error!r}; calibrate again") from error
        new.heads = heads
        return new

"""Histograms of magnitudes over a range that grows by doubling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError

BINS: Final = 2048

Counts = npt.NDArray[np.int64]

_SMALLEST_EXPONENT: Final = -100
_LARGEST_EXPONENT: Final = 128


class Histogram:
    """Counts of positive numbers in 2,048 bins of equal width over [0, 2^exponent).

    ``counts[k]``: numbers in [k * bin_width, (k + 1) * bin_width). The exponent is the smallest that
    covers the largest number (at least -100). Widths are powers of two, so bins merge exactly and the
    histogram depends on the numbers alone, not on their order.
    """

    __slots__ = ("counts", "exponent", "largest")

    def __init__(self) -> None:
        self.counts: Counts = np.zeros(BINS, np.int64)
        self.exponent = _SMALLEST_EXPONENT
        self.largest = 0.0

    @property
    def bin_width(self) -> float:
        """Width of one bin."""
        return math.ldexp(1.0, self.exponent) / BINS

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def cover(self, largest: float) -> None:
        """Widen the range until it holds ``largest``, which is about to be counted."""
        self.largest = max(self.largest, largest)
        self._widen(math.frexp(self.largest)[1] if self.largest else _SMALLEST_EXPONENT)

    def _widen(self, exponent: int) -> None:
        if exponent > self.exponent:
            merged = 1 << min(exponent - self.exponent, BINS.bit_length() - 1)
            sums = self.counts.reshape(-1, merged).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[: len(sums)] = sums
            self.exponent = exponent

    def plus(self, other: Histogram) -> Histogram:
        """The histogram of both sets of numbers."""
        both, added = self.copy(), other.copy()
        both.cover(other.largest)
        added._widen(both.exponent)
        both._widen(added.exponent)
        both.counts += added.counts
        return both

    def copy(self) -> Histogram:
        """An independent copy."""
        new = Histogram()
        new.counts, new.exponent, new.largest = self.counts.copy(), self.exponent, self.largest
        return new

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; empty bins at the end are left out."""
        occupied = np.flatnonzero(self.counts)
        end = int(occupied[-1]) + 1 if occupied.size else 0
        return {"exponent": self.exponent, "largest": self.largest, "counts": self.counts[:end].tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Histogram:
        """Inverse of ``to_dict``. Raises QuantizationError where the values are no histogram."""
        new = cls()
        try:
            counts = np.asarray(values["counts"], np.int64)
            new.exponent, new.largest = int(values["exponent"]), float(values["largest"])
            new.counts[: len(counts)] = counts
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise QuantizationError(f"histogram: {error!r}; calibrate again") from error
        in_range = _SMALLEST_EXPONENT <= new.exponent <= _LARGEST_EXPONENT
        if not in_range or new.counts.min() < 0 or not 0 <= new.largest < math.ldexp(1.0, new.exponent):
            raise QuantizationError("histogram: values out of range; calibrate again")
        return new

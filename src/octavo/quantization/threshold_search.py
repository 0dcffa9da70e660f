"""The two searches for a threshold over a histogram: Kullback-Leibler divergence and squared error.

Both try every end of range from ``levels`` (or ``steps``) bins up to the last occupied bin;
docs/calibration.md has the definitions. ``counts`` are those of magnitudes, exact zeros left out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.quantization.arrays import Float64Array
from octavo.quantization.histogram import Counts

Indices = npt.NDArray[np.int64]

_CANDIDATES_AT_ONCE: Final = 32  # so that the tables below stay in the cache


def occupied_bins(counts: Counts) -> int:
    """Index of the last bin that is not empty, plus 1; 0 for an empty histogram."""
    found = np.flatnonzero(counts)
    return int(found[-1]) + 1 if found.size else 0


def last_smallest(values: Float64Array, tolerance: float) -> int:
    """The last index whose value is within ``tolerance`` of the smallest."""
    return int(np.flatnonzero(values <= values.min() + tolerance)[-1])


def kl_divergences(counts: Counts, levels: int) -> Float64Array:
    """The Kullback-Leibler divergences, in nats, between the histogram and its quantized forms.

    Entry c is the divergence where ``levels`` levels are spread over the first i = levels + c bins. It is
    infinite where bin i - 1 is empty but numbers lie beyond it. ``levels`` must be a power of two, so that
    the levels' edges are exact. The array is empty if fewer bins are occupied.
    """
    occupied = occupied_bins(counts)
    search = _DivergenceSearch(counts[:occupied], levels)
    starts = range(levels, occupied + 1, _CANDIDATES_AT_ONCE)
    blocks = (np.arange(i, min(i + _CANDIDATES_AT_ONCE, occupied + 1)) for i in starts)
    return np.concatenate([np.zeros(0), *(search.divergences(ends) for ends in blocks)])


class _DivergenceSearch:
    """Cumulated sums of one histogram, from which many candidates are read at once."""

    def __init__(self, counts: Counts, levels: int) -> None:
        self._counts = np.append(counts, 0)  # one empty bin after the last, for edges at the very end
        self._below = np.concatenate(([0], np.cumsum(counts)))
        self._occupied_below = np.concatenate(([0], np.cumsum(counts > 0)))
        self._total = float(counts.sum())
        self._steps = np.arange(levels + 1) / levels
        terms = counts * self._log_share(counts)
        self._entropy_below = np.concatenate(([0.0], np.cumsum(terms)))

    def divergences(self, ends: Indices) -> Float64Array:
        """Divergence for each number of bins in ``ends``."""
        edges = self._steps * ends[:, None]
        inner = edges.astype(np.int64)
        left = edges - inner
        density = self._densities(inner, left)
        log_density = self._log_share(density)

        whole = self._below[inner[:, 1:]] - self._below[inner[:, :-1] + (left[:, :-1] > 0)]
        beyond = self._below[-1] - self._below[ends]
        cross = (whole * log_density).sum(axis=1) + beyond * log_density[:, -1]

        share = left[:, 1:-1]
        in_cut = np.where(share > 0, self._counts[inner[:, 1:-1]], 0)
        mixed = share * density[:, :-1] + (1 - share) * density[:, 1:]
        cross += (in_cut * self._log_share(np.where(in_cut > 0, mixed, 0))).sum(axis=1)

        last = self._counts[ends - 1] + beyond
        entropy = self._entropy_below[ends - 1] + last * self._log_share(last)
        divergence: Float64Array = (entropy - cross) / self._total + self._log_share(self._below[ends])
        divergence[(self._counts[ends - 1] == 0) & (beyond > 0)] = np.inf
        return divergence

    def _densities(self, inner: Indices, left: Float64Array) -> Float64Array:
        """Count per non-empty bin in every level: [candidates, levels]; 0 where a level has none."""
        counts = self._counts[inner]
        mass = np.diff(self._below[inner] + left * counts)
        bins = np.diff(self._occupied_below[inner] + np.where(counts > 0, left, 0.0))
        densities: Float64Array = mass / np.where(bins > 0, bins, 1.0)
        return densities

    def _log_share(self, values: npt.NDArray[np.int64] | Float64Array) -> Float64Array:
        """ln(value / total); 0 where the value is 0."""
        result: Float64Array = np.log(np.where(values > 0, values / self._total, 1.0))
        return result


def squared_errors(counts: Counts, steps: int) -> Float64Array:
    """Sum of (c - Q(c))^2 over the sum of c^2: c the middle of a number's bin, Q with ``steps`` steps.

    Entry e is the error over i = steps + e bins, where Q rounds to the nearest multiple of i / steps, at most
    i. The array is empty if fewer bins are occupied.
    """
    occupied = occupied_bins(counts)
    exact = counts[:occupied].astype(np.float64)
    middles = np.arange(occupied) + 0.5
    count_from = _tail_sums(exact)
    sum_from = _tail_sums(exact * middles)
    energy = float((exact * middles**2).sum())
    level = np.arange(1, steps + 1)
    errors = np.zeros(max(occupied + 1 - steps, 0))
    for first in range(0, len(errors), _CANDIDATES_AT_ONCE):
        block = errors[first : first + _CANDIDATES_AT_ONCE]
        step = np.arange(steps + first, steps + first + len(block)) / steps
        # A number is rounded to level n if it lies above n half-way points; summed by parts over these.
        first_bin = np.ceil((level - 0.5) * step[:, None] - 0.5).astype(np.int64)
        linear = sum_from[first_bin].sum(axis=1)
        quadratic = ((2 * level - 1) * count_from[first_bin]).sum(axis=1)
        block[:] = (energy - 2 * step * linear + step**2 * quadratic) / energy
    return errors


def _tail_sums(values: Float64Array) -> Float64Array:
    """Sum from every index to the end, and a last entry 0."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)

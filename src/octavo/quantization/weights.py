"""Weights in int8: one scale per output channel (embeddings: per row)."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.quantization.arrays import Float32Array
from octavo.quantization.granularity import PerChannel

LARGEST_LEVEL: Final = 127

_LEVELS: Final = np.float32(LARGEST_LEVEL)
_ROWS_AT_ONCE: Final = 1024


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QuantizedWeight:
    """A matrix [N, K] as integers from -127 to 127 times one scale per row [N]."""

    values: npt.NDArray[np.int8]
    scale: Float32Array

    def dequantize(self) -> Float32Array:
        """values * scale in binary32: [N, K]."""
        return self.values.astype(np.float32) * self.scale[:, None]


def quantize_weight(name: str, weight: Float32Array) -> QuantizedWeight:
    """Round a matrix [N, K] to the nearest of 255 levels per row, ties to even.

    scale = max |row| / 127 in binary32. A row of zeros, or so small that its scale underflows,
    gets scale 0. Raises QuantizationError, naming the tensor, where a value is not finite.
    """
    values = np.empty(weight.shape, np.int8)
    scale = np.empty(len(weight), np.float32)
    for first in range(0, len(weight), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        if not np.isfinite(weight[rows]).all():
            row = first + int(np.argmin(np.isfinite(weight[rows]).all(axis=1)))
            raise QuantizationError(f"{name}: row {row} holds NaN or infinity; repair or retrain the model")
        scale[rows] = PerChannel(axis=0).largest_magnitude(weight[rows]) / _LEVELS
        divisor = np.where(scale[rows] > 0, scale[rows], np.float32(np.inf))
        values[rows] = np.clip(np.rint(weight[rows] / divisor[:, None]), -_LEVELS, _LEVELS)
    return QuantizedWeight(values, scale)


def squared_norms(weight: Float32Array, quantized: QuantizedWeight) -> tuple[float, float]:
    """||w - dequantized||^2 and ||w||^2, in binary64, a few rows at a time."""
    error = signal = 0.0
    for first in range(0, len(weight), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        exact = weight[rows].astype(np.float64)
        difference = exact - quantized.values[rows] * quantized.scale[rows, None].astype(np.float64)
        error += float(np.vdot(difference, difference))
        signal += float(np.vdot(exact, exact))
    return error, signal

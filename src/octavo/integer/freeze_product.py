"""Weight products in integers: int8 rows, int32 biases, and the factor of each row's sum."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.integer_format import (
    LARGEST_SCALE,
    LOGIT_LIMIT,
    PRODUCT_SHIFT_LIMITS,
    SYMMETRIC_LEVELS,
    Limits,
)
from octavo.quantization.arrays import Float64Array
from octavo.scale_propagation import INT8_LEVELS, Scale
from octavo.scale_propagation.scale import MANTISSA_BITS

SHIFT_BASE = 32
"""A factor (m, h) is m * 2^-(32 + h)."""
SMALLEST_STEP = 2.0**-126
"""No row has a smaller step, not even a row of zeros."""

MULTIPLIER_BITS = 15
"""A multiplier is rounded to so many bits, so that it can be stored in 16."""

_LARGEST_BIAS = 2.0**30
"""A bias is at most this large, so that int32 has room for the sum of the products."""

Int32Array = npt.NDArray[np.int32]
Int8Array = npt.NDArray[np.int8]


def least_factor(shifts: Limits) -> float:
    """The smallest factor whose shift is within its limits."""
    return 2.0 ** (30 - SHIFT_BASE - shifts[1])


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """int8 [rows, columns] times one real step a row [rows]."""

    integers: Int8Array
    step: Float64Array


def row_steps(weight: Float64Array, least_step: Float64Array) -> Float64Array:
    """[rows]: max |row| / 127, at least ``least_step``."""
    steps: Float64Array = np.maximum(np.abs(weight).max(axis=1) / INT8_LEVELS, least_step)
    return steps


def exact_steps(steps: Float64Array, unit: Float64Array) -> Float64Array:
    """The smallest steps [rows], not below ``steps``, whose factors step * unit have 15 bits."""
    fraction, exponent = np.frexp(steps * unit)
    factor = np.ldexp(np.ceil(np.ldexp(fraction, MULTIPLIER_BITS)), exponent - MULTIPLIER_BITS)
    exact: Float64Array = factor / unit
    return exact


def quantize_rows(weight: Float64Array, step: Float64Array) -> Matrix:
    """Rows to the nearest of 255 levels, ties to even, by steps [rows]."""
    levels = np.rint(weight / step[:, None]).clip(-INT8_LEVELS, INT8_LEVELS)
    return Matrix(levels.astype(np.int8), step)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ScaledProduct:
    """A product between its sites: ``bias`` real [rows] or None; scales of its input, and of each row
    of its output [rows]."""

    name: str
    bias: Float64Array | None
    input_scale: float
    output_scale: Float64Array

    def least_step(self) -> Float64Array:
        """Smallest steps [rows] whose factors are legal, and in whose sums the bias fits.

        Rows of zeros, or nearly, would have smaller ones.
        """
        least = least_factor(PRODUCT_SHIFT_LIMITS) * self.input_scale / self.output_scale
        if self.bias is None:
            return least
        fitting: Float64Array = np.maximum(least, np.abs(self.bias) * self.input_scale / _LARGEST_BIAS)
        return fitting

    def factor_unit(self) -> Float64Array:
        """The factor of a row [rows] over its step."""
        return self.output_scale / self.input_scale

    def tensors(self, matrix: Matrix) -> dict[str, npt.NDArray[np.generic]]:
        """``P.bias``, ``P.multiplier``, ``P.shift`` for a matrix whose steps are as ``least_step`` says.

        Raises QuantizationError, naming product and row, where a factor is too large.
        """
        factor = matrix.step * self.factor_unit()
        multiplier, shift = factor_tensors(factor, PRODUCT_SHIFT_LIMITS, f"product {self.name}")
        found: dict[str, npt.NDArray[np.generic]] = {
            f"{self.name}.multiplier": multiplier,
            f"{self.name}.shift": shift,
        }
        if self.bias is not None:
            bias = np.floor(self.bias * self.input_scale / matrix.step + 0.5)
            found[f"{self.name}.bias"] = bias.astype(np.int32)
        return found


def factor_tensors(factor: Float64Array, shifts: Limits, where: str) -> tuple[Int32Array, Int8Array]:
    """Multipliers, the nearest of 15 bits, and shifts.

    Raises QuantizationError, naming the row, for a shift out of limits.
    """
    dropped = MANTISSA_BITS - MULTIPLIER_BITS
    exact = Scale.of(factor)
    kept = (exact.mantissa + (1 << (dropped - 1))) >> dropped
    nearest = Scale.of(np.ldexp(kept.astype(np.float64), exact.exponent + dropped))
    shift = -nearest.exponent - SHIFT_BASE
    wrong = (shift < shifts[0]) | (shift > shifts[1])
    if wrong.any():
        row = int(np.argmax(wrong))
        low, high = (2.0 ** (30 - SHIFT_BASE - shifts[1]), 2.0 ** (31 - SHIFT_BASE - shifts[0]))
        raise QuantizationError(
            f"{where}: row {row} has a factor of {factor[row]:.3g}, and only {low:.3g} to {high:.3g} is "
            "possible: its weights are too large for the ranges around it; calibrate on more text"
        )
    return nearest.mantissa.astype(np.int32), shift.astype(np.int8)


def logits_scale(
    weight: Float64Array, bias: Float64Array | None, input_scale: float, least_step: Float64Array
) -> float:
    """The largest scale by which no logit of any row reaches 2^24, and no factor its limit; at most 2^100.

    ``least_step`` [rows] are the steps that other uses of the matrix ask for.
    """
    matrix = quantize_rows(weight, row_steps(weight, np.maximum(least_step, SMALLEST_STEP)))
    sums = SYMMETRIC_LEVELS * np.abs(matrix.integers.astype(np.int16)).sum(axis=1, dtype=np.int64)
    real = sums * matrix.step / input_scale + (0.0 if bias is None else np.abs(bias))
    # Half of the limit: rows may get larger steps, and every rounding its half.
    most = LOGIT_LIMIT / 2 / real.max() if real.max() > 0 else np.inf
    largest_factor = 2.0 ** (30 - SHIFT_BASE - PRODUCT_SHIFT_LIMITS[0])
    return float(min(most, largest_factor * input_scale / matrix.step.max(), LARGEST_SCALE))

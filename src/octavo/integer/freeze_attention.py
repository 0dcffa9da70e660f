"""Polynomial attention in integers: b, delta and the scale of the context of every head."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.integer_format import (
    CONTEXT_EXPONENT_LIMITS,
    DELTA_SHIFT_LIMITS,
    LARGEST_CONTEXT_RATIO,
    POLYNOMIAL_BIAS_LIMITS,
)
from octavo.quantization.arrays import Float64Array
from octavo.scale_propagation import Scale

POWER_BITS = 15
"""The power shifts every product right by so many bits."""
_NOTHING_LEFT = 62
"""A mantissa that is shifted by more is 0."""


def scores_scale(query: Float64Array, key: Float64Array, head_dim: int) -> Float64Array:
    """Scale of the integer sums of q * k as scores q * k / sqrt(head_dim)."""
    return query * key * math.sqrt(head_dim)


def delta_scale(scores: Float64Array, degree: int) -> Float64Array:
    """Scale of the integers of the power, to which delta is added, of scores that were not shifted."""
    scaled: Float64Array = np.ldexp(scores**degree, -POWER_BITS * (degree - 1))
    return scaled


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class HeadScales:
    """Scales of one attention, each [heads]; that of the context is one for all."""

    query: Float64Array
    key: Float64Array
    value: Float64Array
    context: float


def freeze_attention(
    name: str,
    scales: HeadScales,
    *,
    head_dim: int,
    degree: int,
    bias: Float64Array,
    delta: Float64Array,
) -> dict[str, npt.NDArray[np.generic]]:
    """``A.polynomial.*`` and ``A.context_*``; real b and delta of every head [heads], 0 where there is none.

    Raises QuantizationError, naming attention and head, for what its integers cannot hold.
    """
    scores = scores_scale(scales.query, scales.key, head_dim)
    biases = np.floor(bias * scores + 0.5)
    _refuse(np.abs(biases) > POLYNOMIAL_BIAS_LIMITS[1], f"{name}.polynomial.bias", bias)
    mantissa, shift = _delta(name, delta, delta_scale(scores, degree))
    ratio = Scale.of(scales.context / scales.value)
    _refuse(ratio.real() > LARGEST_CONTEXT_RATIO, f"{name}.context_multiplier", ratio.real())
    _refuse(ratio.exponent < CONTEXT_EXPONENT_LIMITS[0], f"{name}.context_multiplier", ratio.real())
    return {
        f"{name}.polynomial.bias": biases.astype(np.int32),
        f"{name}.polynomial.delta": mantissa,
        f"{name}.polynomial.delta_shift": shift,
        f"{name}.context_multiplier": ratio.mantissa.astype(np.int32),
        f"{name}.context_exponent": ratio.exponent.astype(np.int8),
    }


def _delta(
    name: str, delta: Float64Array, scale: Float64Array
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Mantissa and shift of |delta| in the power's scale; 0 and 1 where nothing is left of it."""
    integers = np.abs(delta) * scale
    present = integers > 0
    found = Scale.of(np.where(present, integers, 1.0))
    shift = -found.exponent
    _refuse(present & (shift < DELTA_SHIFT_LIMITS[0]), f"{name}.polynomial.delta", delta)
    kept = present & (shift <= _NOTHING_LEFT)
    return (
        np.where(kept, found.mantissa, 0).astype(np.int32),
        np.where(kept, shift, DELTA_SHIFT_LIMITS[0]).astype(np.int8),
    )


def _refuse(wrong: npt.NDArray[np.bool_], name: str, values: Float64Array) -> None:
    if wrong.any():
        head = int(np.argmax(wrong))
        raise QuantizationError(
            f"{name}: {values[head]:.3g} of head {head} is out of range at the scales around it; calibrate "
            "on more text"
        )

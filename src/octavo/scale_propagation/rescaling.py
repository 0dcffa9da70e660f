"""Re-scaling, from the data's maximum or by a frozen factor, and the matching of scales."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.scale_propagation.scale import Scale, bit_length
from octavo.scale_propagation.tensor import ScaledTensor, check_limit, scaled_tensor

INT8_LEVELS: Final = 127
UINT8_LEVELS: Final = 255  # for integers that are never negative
INT16_LEVELS: Final = 32767

Axes = int | tuple[int, ...] | None


def quantize(real: npt.ArrayLike, levels: int = INT8_LEVELS, axes: Axes = None) -> ScaledTensor:
    """x = round(s * real), ties up, s = levels / max |real|, one scale for what ``axes`` span (None: all).

    It serves parameters and constants, before a model runs. Where all is 0 the scale is 1. Raises
    QuantizationError for NaN or infinity.
    """
    values = np.asarray(real, np.float64)
    if not np.isfinite(values).all():
        raise QuantizationError("quantize: NaN or infinity; repair or retrain the model")
    largest = np.abs(values).max(axis=axes, keepdims=True, initial=0.0)
    scale = Scale.of(np.where(largest > 0, levels / np.where(largest > 0, largest, 1.0), 1.0))
    integers = np.clip(np.floor(values * scale.real() + 0.5), -levels, levels).astype(np.int64)
    return scaled_tensor(integers, scale, levels, "quantize")


def rescale(x: ScaledTensor, factor: Scale, levels: int = INT8_LEVELS) -> ScaledTensor:
    """x <- round(f * x), s <- f * s (Lin et al. 2020, equation 10), for a factor frozen by calibration.

    Integers beyond ``levels`` are set to ±levels. ``factor`` has the axes of x, each of its length or 1.
    """
    check_limit(levels, "rescale")
    integers = np.clip(factor.round_product(x.integers), -levels, levels)
    return scaled_tensor(integers, x.scale.times(factor), levels, "rescale")


def dynamic_factor(x: ScaledTensor, levels: int = INT8_LEVELS, axes: Axes = None) -> Scale:
    """f = levels / max |x| (equation 10), one for all that ``axes`` span: -1 one a row, None one in all.

    Where all is 0, f = levels.
    """
    largest = np.abs(x.integers.astype(np.int64)).max(axis=axes, keepdims=True, initial=1)
    return Scale.of_integers(levels).over(Scale.of_integers(largest))


def rescale_dynamic(x: ScaledTensor, levels: int = INT8_LEVELS, axes: Axes = None) -> ScaledTensor:
    """``rescale`` by ``dynamic_factor``: the largest magnitude becomes ``levels``, nothing is cut off."""
    return rescale(x, dynamic_factor(x, levels, axes), levels)


def rescale_by_power_of_two(x: ScaledTensor, levels: int, axes: Axes = None) -> ScaledTensor:
    """``rescale`` by 2^-t, the least t >= 0 by which max |x| has no more bits than ``levels``, 2^n - 1.

    All that ``axes`` span has one t. A shift takes the place of a product and loses up to one bit.
    """
    largest = np.abs(x.integers.astype(np.int64)).max(axis=axes, keepdims=True, initial=0)
    excess = np.maximum(bit_length(largest) - levels.bit_length(), 0)
    one = Scale.of_integers(np.ones_like(excess))
    return rescale(x, Scale(one.mantissa, one.exponent - excess), levels)


def fit(x: ScaledTensor, levels: int = INT8_LEVELS, axes: Axes = None) -> ScaledTensor:
    """Re-scale dynamically only where x may leave ``levels`` (Lin et al. 2020, algorithm 1)."""
    return x if x.limit <= levels else rescale_dynamic(x, levels, axes)


def match(x: ScaledTensor, scale: Scale) -> ScaledTensor:
    """Scale matching: x <- round(x * s / s_x), s <- s, for a scale s that is not larger than x's own.

    Where the scales are equal the integers stay as they are. Raises QuantizationError where s is larger.
    """
    factor = scale.over(x.scale)
    if (factor.real() > 1).any():
        raise QuantizationError("match: a scale is matched to a smaller one, or the integers may overflow")
    integers = factor.round_product(x.integers)
    return scaled_tensor(integers, scale, x.limit, "match")


def match_along(x: ScaledTensor, axis: int) -> ScaledTensor:
    """Match the scales along an axis to the smallest there, so that integers can be summed over it."""
    return x if x.scale.shape[axis] == 1 else match(x, x.scale.smallest(axis))

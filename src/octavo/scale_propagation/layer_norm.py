"""L1 layer norm (Lin et al. 2020, equation 13) in integers, with one reciprocal a row."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.scale_propagation.arithmetic import add, multiply
from octavo.scale_propagation.rescaling import INT16_LEVELS, match_along, quantize
from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.tensor import ScaledTensor, check_limit, scaled_tensor

DEVIATION_RATIO: Final = math.sqrt(math.pi / 2)
"""The standard deviation of a Gaussian over its mean absolute deviation."""
_PRODUCT_LIMIT: Final = (1 << 30) - 1  # of n * gain, and of the bias


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class L1NormParameters:
    """gain / sqrt(π / 2) [d], and bias [d] in the scale of the gain times 2^fraction_bits.

    ``fraction_bits`` are those of the normalized row, (x - mean) / mean |x - mean|.
    """

    gain: ScaledTensor
    bias: ScaledTensor
    fraction_bits: int


def quantize_norm_parameters(
    gain: npt.ArrayLike, bias: npt.ArrayLike, *, fraction_bits: int = 10
) -> L1NormParameters:
    """Gain and bias of a trained norm, each with as many levels as leave room in int32 for any row.

    The normalized row reaches d / 2 * 2^fraction_bits; gain and bias each use at most half of int32.
    A bias much larger than the gain leaves the gain fewer levels. Raises QuantizationError where they are
    fewer than 127.
    """
    gains, biases = np.asarray(gain, np.float64), np.asarray(bias, np.float64)
    levels = min(_PRODUCT_LIMIT // _normalized_limit(gains.size, fraction_bits), INT16_LEVELS)
    largest_gain = np.abs(gains).max() / DEVIATION_RATIO
    largest_bias = np.abs(biases).max() * 2.0**fraction_bits
    if largest_bias * levels > (_PRODUCT_LIMIT - 1) * largest_gain > 0:
        levels = int((_PRODUCT_LIMIT - 1) * largest_gain / largest_bias)
    if levels < 127:
        raise QuantizationError(
            f"L1 norm of width {gains.size}: {levels} levels are left for the gain; use fewer than "
            f"{fraction_bits} fraction bits"
        )
    quantized = quantize(gains / DEVIATION_RATIO, levels)
    scale = quantized.scale.times_power_of_two(fraction_bits)
    integers = np.floor(biases * scale.real() + 0.5).astype(np.int64)
    return L1NormParameters(
        quantized, scaled_tensor(integers, scale, _PRODUCT_LIMIT, "L1 norm bias"), fraction_bits
    )


def l1_layer_norm(x: ScaledTensor, parameters: L1NormParameters, *, where: str = "L1 norm") -> ScaledTensor:
    """gain * (x - mean) / (sqrt(π / 2) * mean |x - mean|) + bias over the last axis, of length d.

    c_i = d * x_i - Σ x, exact; n_i = round(c_i * r), one factor r = d * 2^fraction_bits / Σ |c| a row;
    then the rules of product and sum, so n_i * gain_i + bias_i in int32. The scale of x cancels. A row of
    equal integers gives the bias.
    """
    matched = match_along(x, -1)
    width = x.shape[-1]
    check_limit(2 * width * x.limit, where)
    integers = matched.integers.astype(np.int64)
    centred = width * integers - integers.sum(axis=-1, keepdims=True)
    deviation = np.maximum(np.abs(centred).sum(axis=-1, keepdims=True), 1)
    bits = parameters.fraction_bits
    factor = Scale.of_integers(width << bits).over(Scale.of_integers(deviation))
    scale = Scale.of_integers(np.full((1,) * x.integers.ndim, 1 << bits))
    limit = _normalized_limit(width, bits)
    normalized = scaled_tensor(factor.round_product(centred), scale, limit, where)
    gain, bias = (_as_row(part, x.integers.ndim) for part in (parameters.gain, parameters.bias))
    return add(multiply(normalized, gain, where=where), bias, where=where)


def _normalized_limit(width: int, fraction_bits: int) -> int:
    """The positive deviations of a row sum to half of all, so none exceeds width / 2 of their mean."""
    return max(1, (width << fraction_bits) // 2)


def _as_row(x: ScaledTensor, axes: int) -> ScaledTensor:
    """A vector with leading axes of length 1."""
    leading = (1,) * (axes - 1)
    scale = x.scale.rearranged(lambda part: part.reshape(leading + part.shape))
    return ScaledTensor(x.integers.reshape(leading + x.shape), scale, x.limit)

"""L1 layer norm in integers whose result comes out at the scale of the site that it feeds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.integer_format import (
    NORM_BIAS_LIMITS,
    NORM_FRACTION_BITS,
    NORM_SHIFT_LIMITS,
    norm_weight_limits,
)
from octavo.quantization.arrays import Float64Array
from octavo.scale_propagation.layer_norm import DEVIATION_RATIO


def gain_scale(site_scale: float, shift: int) -> float:
    """The scale s_g of gains whose result has ``site_scale``: site_scale = s_g * 2^F * 2^-shift."""
    return math.ldexp(site_scale, shift - NORM_FRACTION_BITS)


def freeze_norm(
    name: str, gain: Float64Array, bias: Float64Array, site_scale: float
) -> dict[str, npt.NDArray[np.generic]]:
    """``N.weight``, ``N.bias`` and ``N.shift``, which is the largest within the limits, to keep most levels.

    Raises QuantizationError, naming the norm, where no shift is within them.
    """
    most_gain, most_bias = norm_weight_limits(gain.size)[1], NORM_BIAS_LIMITS[1]
    for shift in range(NORM_SHIFT_LIMITS[1], NORM_SHIFT_LIMITS[0] - 1, -1):
        scale = gain_scale(site_scale, shift)
        gains = np.floor(gain / DEVIATION_RATIO * scale + 0.5)
        biases = np.floor(bias * math.ldexp(scale, NORM_FRACTION_BITS) + 0.5)
        if np.abs(gains).max() <= most_gain and np.abs(biases).max() <= most_bias:
            return {
                f"{name}.weight": gains.astype(np.int16),
                f"{name}.bias": biases.astype(np.int32),
                f"{name}.shift": np.array([shift], np.int8),
            }
    raise QuantizationError(
        f"{name}: its gains or biases, up to {np.abs(gain).max():.3g} and {np.abs(bias).max():.3g}, do not "
        f"fit the integers of a norm of width {gain.size}; calibrate on more text, or retrain the model"
    )

"""Activations are rounded to 8-bit integers: by one scale per token, measured while the model runs
(dynamic), or by one scale known beforehand (static)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.model.plan import Static
from octavo.quantization.arrays import Float32Array
from octavo.quantization.granularity import PerToken

ZERO_POINT: Final = 128

_LEVELS: Final = np.float32(127)
_NEGLIGIBLE: Final = np.float32(1e-30)
_ONE: Final = np.float32(1)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QuantizedActivation:
    """Rows [M, K] of a product's input: x is about (values - zero_point) * row_scale."""

    values: npt.NDArray[np.uint8]
    row_scale: Float32Array
    zero_point: int = ZERO_POINT

    def signed(self) -> npt.NDArray[np.int16]:
        """The integers without their zero point, from -255 to 255: [M, K]."""
        return self.values.astype(np.int16) - np.int16(self.zero_point)


def quantize_activation(x: Float32Array, how: Static | None = None) -> QuantizedActivation:
    """Round rows [M, K] to u8. ``how``: the known scale; None measures one for each row."""
    return _dynamic(x) if how is None else _static(x, how)


def _dynamic(x: Float32Array) -> QuantizedActivation:
    """Zero is stored as 128. A row whose magnitudes are all below 1e-30 becomes zeros with scale 0."""
    largest = PerToken().largest_magnitude(x)
    used = largest >= _NEGLIGIBLE
    divisor = np.where(used, largest, _ONE)
    inverse = np.where(used, _LEVELS / divisor, np.float32(0))
    row_scale = np.where(used, largest / _LEVELS, np.float32(0))
    levels = np.rint(np.clip(x * inverse[:, None], -_LEVELS, _LEVELS))
    return QuantizedActivation((levels.astype(np.int16) + ZERO_POINT).astype(np.uint8), row_scale)


def _static(x: Float32Array, how: Static) -> QuantizedActivation:
    scale = np.float32(how.scale)
    values = _bytes(x, scale, how)
    return QuantizedActivation(values, np.full(len(x), scale, np.float32), how.zero_point)


def quantize_heads(x: Float32Array, scales: Sequence[float]) -> npt.NDArray[np.uint8]:
    """Round queries, keys or values [heads, rows, head_dim] to u8 around 128, by one known scale per head."""
    return _bytes(x, np.array(scales, np.float32)[:, None, None], Static(1.0, ZERO_POINT))


def _bytes(x: Float32Array, scale: Float32Array | np.float32, how: Static) -> npt.NDArray[np.uint8]:
    """Within the limits of ``how`` around its zero point, whatever its scale."""
    with np.errstate(over="ignore"):  # what overflows is clamped
        steps = x * (_ONE / scale)
    least, most = how.limits
    levels = np.rint(np.clip(steps, np.float32(least), np.float32(most)))
    values: npt.NDArray[np.uint8] = (levels.astype(np.int16) + np.int16(how.zero_point)).astype(np.uint8)
    return values

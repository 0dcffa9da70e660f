"""Dynamic quantization of activations: one scale per token, measured on the spot."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.quantization.binary32 import Float32Array
from octavo.quantization.granularity import PerToken

ZERO_POINT: Final = 128

_LEVELS: Final = np.float32(127)
_NEGLIGIBLE: Final = np.float32(1e-30)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QuantizedActivation:
    """Rows [M, K] of a product's input: x is about (values - 128) * row_scale."""

    values: npt.NDArray[np.uint8]
    row_scale: Float32Array

    def signed(self) -> npt.NDArray[np.int16]:
        """The integers without their offset, from -127 to 127: [M, K]."""
        return self.values.astype(np.int16) - np.int16(ZERO_POINT)


def quantize_activation(x: Float32Array) -> QuantizedActivation:
    """Rows [M, K] as u8 around 128. A row below 1e-30 everywhere becomes zeros with scale 0."""
    largest = PerToken().largest_magnitude(x)
    used = largest >= _NEGLIGIBLE
    divisor = np.where(used, largest, np.float32(1))
    inverse = np.where(used, _LEVELS / divisor, np.float32(0))
    row_scale = np.where(used, largest / _LEVELS, np.float32(0))
    levels = np.rint(np.clip(x * inverse[:, None], -_LEVELS, _LEVELS))
    return QuantizedActivation((levels.astype(np.int16) + ZERO_POINT).astype(np.uint8), row_scale)

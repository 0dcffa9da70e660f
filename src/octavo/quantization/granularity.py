"""How finely a tensor's quantization scale is shared: one type for each choice."""

from __future__ import annotations

import dataclasses

import numpy as np

from octavo.quantization.arrays import Float32Array


@dataclasses.dataclass(frozen=True, slots=True)
class PerChannel:
    """One scale for each index of ``axis``, known before the model runs (weights)."""

    axis: int = 0

    def largest_magnitude(self, tensor: Float32Array) -> Float32Array:
        """max |x| of every channel: [channels]."""
        others = tuple(axis for axis in range(tensor.ndim) if axis != self.axis)
        largest: Float32Array = np.max(np.abs(tensor), axis=others)
        return largest


@dataclasses.dataclass(frozen=True, slots=True)
class PerToken:
    """One scale for each row of the last axis, measured while the model runs (activations)."""

    def largest_magnitude(self, tensor: Float32Array) -> Float32Array:
        """max |x| of every row: the shape without its last axis."""
        largest: Float32Array = np.max(np.abs(tensor), axis=-1)
        return largest

"""Operations on shape alone: the scale goes through the same operation as the integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.tensor import ScaledTensor, scaled_tensor


def transpose(x: ScaledTensor, axes: Sequence[int]) -> ScaledTensor:
    """Axes in another order, of x and of s."""
    scale = x.scale.rearranged(lambda part: part.transpose(axes))
    return ScaledTensor(x.integers.transpose(axes), scale, x.limit)


def reshape(x: ScaledTensor, shape: Sequence[int]) -> ScaledTensor:
    """Another shape, of x and of s."""
    integers = x.integers.reshape(shape)
    scale = x.scale.rearranged(lambda part: np.broadcast_to(part, x.shape).reshape(integers.shape))
    return ScaledTensor(integers, _without_repeats(scale), x.limit)


def concatenate(tensors: Sequence[ScaledTensor], axis: int) -> ScaledTensor:
    """One after another along an axis, x and s: every part keeps its own scale."""
    integers = np.concatenate([x.integers.astype(np.int64) for x in tensors], axis=axis)
    scale = Scale(
        np.concatenate([np.broadcast_to(x.scale.mantissa, x.shape) for x in tensors], axis=axis),
        np.concatenate([np.broadcast_to(x.scale.exponent, x.shape) for x in tensors], axis=axis),
    )
    return scaled_tensor(integers, _without_repeats(scale), max(x.limit for x in tensors), "concatenate")


def _without_repeats(scale: Scale) -> Scale:
    """The scale with length 1 along every axis on which it does not vary."""
    mantissa, exponent = scale.mantissa, scale.exponent
    for axis in range(mantissa.ndim):
        first = mantissa.take([0], axis=axis), exponent.take([0], axis=axis)
        if (mantissa == first[0]).all() and (exponent == first[1]).all():
            mantissa, exponent = first
    return Scale(mantissa, exponent)

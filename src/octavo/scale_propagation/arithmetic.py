"""The rules of table 1 of Lin et al. 2020: what an operation does to integers and to scales.

``where`` names the place in the model for the error of an operation that may overflow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.scale_propagation.rescaling import match, match_along
from octavo.scale_propagation.scale import Int64Array, Scale
from octavo.scale_propagation.tensor import ScaledTensor, check_limit, scaled_tensor


def multiply(a: ScaledTensor, b: ScaledTensor, *, where: str = "multiply") -> ScaledTensor:
    """Elementwise product: x_a * x_b, s_a * s_b."""
    check_limit(a.limit * b.limit, where)
    integers = a.integers.astype(np.int64) * b.integers
    return scaled_tensor(integers, a.scale.times(b.scale), a.limit * b.limit, where)


def divide(
    a: ScaledTensor, b: ScaledTensor, *, fraction_bits: int = 0, where: str = "divide"
) -> ScaledTensor:
    """Elementwise quotient: round(x_a * 2^fraction_bits / x_b), s_a * 2^fraction_bits / s_b.

    The paper's rule is without fraction bits; they keep what a small x_a would lose. Ties go up. Raises
    QuantizationError where x_b is 0.
    """
    if (b.integers == 0).any():
        raise QuantizationError(f"{where}: division by an integer 0")
    limit = a.limit << fraction_bits
    check_limit(limit, where)
    divisor = b.integers.astype(np.int64)
    dividend = (a.integers.astype(np.int64) << fraction_bits) * np.sign(divisor)
    integers = _rounded_quotient(dividend, np.abs(divisor))
    return scaled_tensor(integers, a.scale.over(b.scale).times_power_of_two(fraction_bits), limit, where)


def multiply_real(x: ScaledTensor, factor: Scale) -> ScaledTensor:
    """The product with a positive constant: the integers stay, s / factor."""
    return ScaledTensor(x.integers, x.scale.over(factor), x.limit)


def add(a: ScaledTensor, b: ScaledTensor, *, where: str = "add") -> ScaledTensor:
    """Sum or residual connection: both matched to s = min(s_a, s_b), then x_a + x_b, s."""
    limit = a.limit + b.limit
    check_limit(limit, where)
    scale = a.scale.smaller(b.scale)
    left, right = match(_with_scale_shape(a, scale), scale), match(_with_scale_shape(b, scale), scale)
    return scaled_tensor(left.integers.astype(np.int64) + right.integers, scale, limit, where)


def add_positive_real(x: ScaledTensor, number: Scale, most: int, *, where: str = "add") -> ScaledTensor:
    """x + number in the scale s of x: x + min(round(number * s), most), s."""
    limit = x.limit + most
    check_limit(limit, where)
    matched = number.times(x.scale).smaller(Scale.of_integers(most))
    integers = x.integers + matched.round_product(np.ones_like(matched.mantissa))
    return scaled_tensor(integers, x.scale, limit, where)


def matmul(a: ScaledTensor, b: ScaledTensor, *, where: str = "matmul") -> ScaledTensor:
    """Product [..., n, k] @ [..., k, m]: scales matched along k, then int32 sums, s_a[n, 1] * s_b[1, m]."""
    limit = a.limit * b.limit * a.shape[-1]
    check_limit(limit, where)
    left, right = match_along(a, -1), match_along(b, -2)
    # Exact in binary64: every partial sum is below 2^31.
    sums = left.integers.astype(np.float64) @ right.integers.astype(np.float64)
    return scaled_tensor(sums.astype(np.int64), left.scale.times(right.scale), limit, where)


def total(x: ScaledTensor, axis: int = -1, *, where: str = "total") -> ScaledTensor:
    """Sum along an axis, kept with length 1: scales matched along it, the scale unchanged."""
    limit = x.limit * x.shape[axis]
    check_limit(limit, where)
    matched = match_along(x, axis)
    sums = matched.integers.sum(axis=axis, keepdims=True, dtype=np.int64)
    return scaled_tensor(sums, matched.scale, limit, where)


def maximum(x: ScaledTensor, axis: int = -1) -> ScaledTensor:
    """Largest along an axis, kept with length 1: scales matched along it, the scale unchanged."""
    matched = match_along(x, axis)
    return ScaledTensor(matched.integers.max(axis=axis, keepdims=True), matched.scale, x.limit)


def relu(x: ScaledTensor) -> ScaledTensor:
    """max(x, 0), the scale unchanged."""
    return ScaledTensor(np.maximum(x.integers, 0), x.scale, x.limit)


def absolute(x: ScaledTensor) -> ScaledTensor:
    """|x|, the scale unchanged."""
    return ScaledTensor(np.abs(x.integers), x.scale, x.limit)


def mask(x: ScaledTensor, visible: npt.NDArray[np.bool_]) -> ScaledTensor:
    """x * 1 where ``visible``, x * 0 elsewhere, the scale unchanged; ``visible`` broadcasts to x."""
    return ScaledTensor(x.integers * visible, x.scale, x.limit)


def _rounded_quotient(dividend: Int64Array, divisor: Int64Array) -> Int64Array:
    """dividend / divisor to the nearest integer, ties up; the divisor is positive."""
    return (2 * dividend + divisor) // (2 * divisor)


def _with_scale_shape(x: ScaledTensor, scale: Scale) -> ScaledTensor:
    """x repeated along the axes that ``scale`` has and x lacks."""
    shape = np.broadcast_shapes(x.shape, scale.shape)
    return ScaledTensor(np.broadcast_to(x.integers, shape), x.scale, x.limit)

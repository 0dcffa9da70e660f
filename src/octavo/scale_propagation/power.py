"""The n-th power of integers, brought back to 15 bits after every product."""

from __future__ import annotations

import numpy as np

from octavo.errors import QuantizationError
from octavo.scale_propagation.arithmetic import multiply
from octavo.scale_propagation.rescaling import INT16_LEVELS, rescale
from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.tensor import ScaledTensor


def power(x: ScaledTensor, degree: int) -> ScaledTensor:
    """x^degree of integers of at most 15 bits, by squaring, the highest bit of ``degree`` first.

    Every product is re-scaled by 2^-k, k = bits of the product's limit above 15 (0: not at all), so that
    it fits int16 whatever the degree; of two int16 that is (x * y + 2^14) >> 15. Raises QuantizationError
    for a degree below 1 or an x of more bits.
    """
    if degree < 1:
        raise QuantizationError(f"power: degree {degree}; it is at least 1")
    if x.limit > INT16_LEVELS:
        raise QuantizationError(f"power: integers up to {x.limit}; re-scale them to {INT16_LEVELS} first")
    result = x
    for bit in bin(degree)[3:]:
        result = _narrow_product(result, result)
        if bit == "1":
            result = _narrow_product(result, x)
    return result


def _narrow_product(a: ScaledTensor, b: ScaledTensor) -> ScaledTensor:
    product = multiply(a, b, where="power")
    excess = max(0, product.limit.bit_length() - INT16_LEVELS.bit_length())
    if excess == 0:
        return product
    one = Scale.of_integers(np.ones((1,) * product.integers.ndim, np.int64))
    return rescale(product, one.times_power_of_two(-excess), INT16_LEVELS)

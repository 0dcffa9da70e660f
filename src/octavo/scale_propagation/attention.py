"""Polynomial attention (Lin et al. 2020, equations 11 and 12) put together from the rules."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.scale_propagation.arithmetic import (
    add,
    add_positive_real,
    mask,
    matmul,
    multiply_real,
    relu,
)
from octavo.scale_propagation.power import power
from octavo.scale_propagation.rescaling import (
    INT16_LEVELS,
    UINT8_LEVELS,
    match_along,
    rescale,
    rescale_by_power_of_two,
)
from octavo.scale_propagation.row_normalization import weighted_mean
from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.shapes import transpose
from octavo.scale_propagation.tensor import ScaledTensor

_RECIPROCAL_BITS: Final = 22


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """Poly(x) = ReLU(x + bias)^degree + delta; delta > 0. Both broadcast to scores, with as many axes."""

    degree: int
    bias: ScaledTensor | None = None
    delta: Scale | None = None


def polynomial_weights(
    scores: ScaledTensor,
    polynomial: Polynomial,
    visible: npt.NDArray[np.bool_],
    *,
    where: str = "polynomial attention",
) -> ScaledTensor:
    """Unnormalized weights Poly(scores) in 0 to 255, the largest of a row 255, and 0 where not visible.

    y = ReLU(x + b), masked, matched along the keys and brought to 15 bits by a power of two a row; the power;
    + delta, where visible; re-scaled to 255 by one reciprocal a row.
    """
    shifted = scores if polynomial.bias is None else add(scores, polynomial.bias, where=where)
    y = match_along(mask(relu(shifted), visible), -1)
    p = power(rescale_by_power_of_two(y, INT16_LEVELS, axes=-1), polynomial.degree)
    if polynomial.delta is not None:
        p = mask(add_positive_real(p, polynomial.delta, INT16_LEVELS, where=where), visible)
    largest = p.integers.astype(np.int64).max(axis=-1, keepdims=True, initial=1)
    reciprocal = (UINT8_LEVELS << _RECIPROCAL_BITS) // largest
    factor = Scale.of_integers(reciprocal).times_power_of_two(-_RECIPROCAL_BITS)
    return rescale(p, factor, UINT8_LEVELS)


def polynomial_attention(
    query: ScaledTensor,
    key: ScaledTensor,
    value: ScaledTensor,
    polynomial: Polynomial,
    visible: npt.NDArray[np.bool_],
    *,
    fraction_bits: int = 8,
    where: str = "polynomial attention",
) -> ScaledTensor:
    """Context [..., queries, d] of queries [..., queries, d] over keys and values [..., keys, d].

    Scores are matmul(q, k^T), times 1 / sqrt(d) by their scale alone; then ``polynomial_weights`` and
    ``weighted_mean``. ``visible`` [..., queries, keys].
    """
    axes = [*range(key.integers.ndim - 2), key.integers.ndim - 1, key.integers.ndim - 2]
    products = matmul(query, transpose(key, axes), where=f"{where}, scores")
    scores = multiply_real(products, Scale.of(1 / math.sqrt(query.shape[-1])))
    weights = polynomial_weights(scores, polynomial, visible, where=f"{where}, weights")
    gain = Scale.of_integers(np.full((1,) * value.integers.ndim, 1 << fraction_bits))
    return weighted_mean(weights, value, gain, where=f"{where}, context")

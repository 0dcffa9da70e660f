"""Polynomial attention (Lin et al. 2020, equations 11 and 12) put together from the rules."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from octavo.quantization.scale_propagation.arithmetic import add, mask, matmul, multiply_real, relu
from octavo.quantization.scale_propagation.power import power
from octavo.quantization.scale_propagation.rescaling import INT16_LEVELS, UINT8_LEVELS, rescale_dynamic
from octavo.quantization.scale_propagation.row_normalization import weighted_mean
from octavo.quantization.scale_propagation.scale import Scale
from octavo.quantization.scale_propagation.shapes import transpose
from octavo.quantization.scale_propagation.tensor import ScaledTensor


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """Poly(x) = ReLU(x + bias)^degree + delta; delta >= 0. Both broadcast to scores, with as many axes."""

    degree: int
    bias: ScaledTensor | None = None
    delta: ScaledTensor | None = None


def polynomial_weights(
    scores: ScaledTensor,
    polynomial: Polynomial,
    visible: npt.NDArray[np.bool_],
    *,
    where: str = "polynomial attention",
) -> ScaledTensor:
    """Unnormalized weights Poly(scores) in 0 to 255, the largest of a row 255, and 0 where not visible.

    y = ReLU(x + b), masked; re-scaled to 32767 a row; the power; + delta by the rule of sums; masked;
    re-scaled to 255 a row. Both maxima are over visible keys alone.
    """
    shifted = scores if polynomial.bias is None else add(scores, polynomial.bias, where=where)
    y = rescale_dynamic(mask(relu(shifted), visible), INT16_LEVELS, axes=-1)
    p = power(y, polynomial.degree)
    if polynomial.delta is not None:
        p = mask(add(p, polynomial.delta, where=where), visible)
    return rescale_dynamic(p, UINT8_LEVELS, axes=-1)


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
    return weighted_mean(weights, value, fraction_bits=fraction_bits, where=f"{where}, context")

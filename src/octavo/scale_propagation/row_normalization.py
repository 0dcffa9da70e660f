"""Weighted means whose weights need not sum to 1: the product is divided by their sum."""

from __future__ import annotations

import math

import numpy as np

from octavo.errors import QuantizationError
from octavo.scale_propagation.arithmetic import matmul, total
from octavo.scale_propagation.rescaling import match_along
from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.tensor import ScaledTensor, check_limit, scaled_tensor


def weighted_mean(
    weights: ScaledTensor, values: ScaledTensor, gain: Scale, *, where: str = "weighted mean"
) -> ScaledTensor:
    """(P V) / row sum of P for weights P [..., n, k] that are not negative and values V [..., k, m].

    x = round((Σ_j p_j v_j) * f), one factor f = gain / Σ_j p_j a row; s = s_v * gain. A gain above 1 keeps
    what the mean has between the integers of V; it has the axes of V. The scale of the weights cancels. A
    row of zeros gives zeros. Raises QuantizationError for a negative weight.
    """
    if (weights.integers < 0).any():
        raise QuantizationError(f"{where}: a negative weight")
    limit = math.ceil(values.limit * float(gain.real().max()))
    check_limit(limit, where)
    p, v = match_along(weights, -1), match_along(values, -2)
    sums = matmul(p, v, where=where)
    row_sum = np.maximum(total(p, where=where).integers.astype(np.int64), 1)
    factor = gain.over(Scale.of_integers(row_sum))
    return scaled_tensor(factor.round_product(sums.integers), v.scale.times(gain), limit, where)

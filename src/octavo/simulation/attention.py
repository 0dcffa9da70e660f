"""Attention's own two products, each in float32 or in int8 as a plan says (docs/numerics.md, Attention)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from octavo.model.plan import QuantizationPlan
from octavo.quantization.activations import ZERO_POINT, quantize_heads
from octavo.quantization.arrays import Float32Array
from octavo.simulation import binary32

_WEIGHT_LEVELS: Final = np.float32(255)


def scores_of(
    plan: QuantizationPlan | None, name: str, query: Float32Array, key: Float32Array
) -> Callable[[int, int], Float32Array]:
    """A function from a query row and a number of keys to scaled scores [heads, keys].

    ``query`` [heads, queries, head_dim], ``key`` [heads, keys, head_dim]; ``name`` is the attention's.
    """
    factor = np.float32(1 / np.sqrt(np.float64(query.shape[-1])))
    if plan is None or f"{name}.scores" in plan.float32:
        return lambda row, keys: binary32.dot16(query[:, None, row], key[:, :keys]) * factor
    query_scales, key_scales = plan.heads[f"{name}.queries"], plan.heads[f"{name}.keys"]
    q = quantize_heads(query, query_scales).astype(np.int32) - ZERO_POINT
    k = quantize_heads(key, key_scales).astype(np.int32) - ZERO_POINT
    scale = (np.array(query_scales, np.float32) * np.array(key_scales, np.float32)) * factor

    def scores(row: int, keys: int) -> Float32Array:
        sums: Float32Array = np.einsum("hc,hkc->hk", q[:, row], k[:, :keys]).astype(np.float32)
        return sums * scale[:, None]

    return scores


def context_of(
    plan: QuantizationPlan | None, name: str, value: Float32Array
) -> Callable[[Float32Array], Float32Array]:
    """A function from attention weights exp(s - max) [heads, keys] to the context [heads, head_dim].

    The weights belong to the first keys of ``value`` [heads, keys, head_dim].
    """
    if plan is None or f"{name}.context" in plan.float32:
        return lambda weights: _float32_context(weights, value[:, : weights.shape[1]])
    scales = plan.heads[f"{name}.values"]
    v = quantize_heads(value, scales).astype(np.int64) - ZERO_POINT
    value_scale = np.array(scales, np.float32)

    def context(weights: Float32Array) -> Float32Array:
        w = np.rint(weights * _WEIGHT_LEVELS).astype(np.int64)
        sums: Float32Array = np.einsum("hk,hkc->hc", w, v[:, : w.shape[1]]).astype(np.float32)
        factor: Float32Array = value_scale / w.sum(axis=1).astype(np.float32)
        return sums * factor[:, None]

    return context


def _float32_context(weights: Float32Array, value: Float32Array) -> Float32Array:
    total = binary32.chain(weights.T[:, :, None], value.swapaxes(0, 1))
    return total * (np.float32(1) / binary32.sum16(weights))[:, None]

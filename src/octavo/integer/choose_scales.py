"""The scales of every site of an Integer Transformer, chosen from what calibration saw of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from octavo.errors import QuantizationError
from octavo.integer.freeze_attention import delta_scale, scores_scale
from octavo.integer.freeze_product import SMALLEST_STEP
from octavo.integer.site_scales import SiteScales, head_sites, input_sites
from octavo.model.architecture import OUTPUT, architecture, sites, weight_products
from octavo.model.integer_format import LARGEST_CONTEXT_RATIO, POLYNOMIAL_BIAS_LIMITS, PRODUCT_SHIFT_LIMITS
from octavo.model.sublayers import Site, SiteKind
from octavo.quantization.arrays import Float64Array
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.tensor_model import TensorSource
from octavo.quantization.thresholds import Method, find_range, find_threshold
from octavo.scale_propagation import INT8_LEVELS, INT16_LEVELS, UINT8_LEVELS

RESIDUAL_MARGIN: Final = 2.0
"""The residual stream has room for so many times the largest value seen, so that it is not clipped."""

_LARGEST_FACTOR: Final = 2.0 ** (31 - 32 - PRODUCT_SHIFT_LIMITS[0])
_ROUNDING: Final = 1 - 2.0**-12
"""Limits are lowered by this factor, which is more than rounding can add to what is compared with them."""


def choose_scales(
    model: TensorSource,
    tensors: Mapping[str, SiteStatistics],
    heads: Mapping[str, HeadStatistics],
    method: Method = Method.MSE,
) -> SiteScales:
    """Choose the scale of every site by ``method``, and of the residual streams by their largest value.

    ``tensors``: figures of what weight products read and of the residual streams; ``heads``: of queries, keys
    and values. All are symmetric but the hidden layer's, which are from 0. A scale that would
    overflow the integer format is lowered until it does not. Raises QuantizationError for a site that was not
    observed.
    """
    config = model.config
    known = sites(config)
    inputs = {
        site: _input_scale(known[site], _observed(tensors, site), method) for site in input_sites(config)
    }
    of_heads = {
        site: tuple(
            _scale(find_threshold(head, method), INT8_LEVELS) for head in _observed(heads, site).heads
        )
        for site in head_sites(config)
    }
    residual = {s: _residual_scale(_observed(tensors, f"{s}.residual")) for s in config.stacks}
    scales = SiteScales(inputs, of_heads, residual.get("encoder"), residual["decoder"])
    found = _with_legal_factors(model, scales)
    # Contexts that are lowered bear less in the products that read them.
    return _with_legal_factors(model, _with_legal_attention(model, found))


def _observed(found: Mapping[str, Any], site: str) -> Any:
    if site not in found:
        raise QuantizationError(f"{site}: was never computed on the calibration text")
    return found[site]


def _input_scale(site: Site, statistics: SiteStatistics, method: Method) -> float:
    if site.kind is SiteKind.HIDDEN:
        return _scale(find_range(statistics, method).high, UINT8_LEVELS)
    return _scale(find_threshold(statistics, method), INT8_LEVELS)


def _residual_scale(statistics: SiteStatistics) -> float:
    return _scale(statistics.largest * RESIDUAL_MARGIN, INT16_LEVELS)


def _scale(largest: float, levels: int) -> float:
    """The scale that maps [-largest, largest] to ±levels; 1 where all is 0."""
    return levels / largest if largest > 0 else 1.0


def _with_legal_factors(model: TensorSource, scales: SiteScales) -> SiteScales:
    """Output scales low enough for the factor of every row of every product but the output's."""
    inputs, heads = dict(scales.inputs), dict(scales.heads)
    residual = {stack: scales.residual(stack) for stack in model.config.stacks}
    for product in weight_products(model.config):
        if product.name == OUTPUT:
            continue
        weight = model.tensor(product.weight.name).astype(np.float64)
        steps = np.maximum(np.abs(weight).max(axis=1) / INT8_LEVELS, SMALLEST_STEP)
        most = _ROUNDING * _LARGEST_FACTOR * inputs[product.site] / steps
        if product.makes is None:
            residual[product.stack] = float(min(residual[product.stack], most.min()))
        elif product.makes in heads:
            of_head = most.reshape(model.config.attention_heads, -1).min(axis=1)
            heads[product.makes] = tuple(map(float, np.minimum(heads[product.makes], of_head)))
        else:
            inputs[product.makes] = float(min(inputs[product.makes], most.min()))
    return SiteScales(inputs, heads, residual.get("encoder"), residual["decoder"])


def _with_legal_attention(model: TensorSource, scales: SiteScales) -> SiteScales:
    """Lower the scales of contexts to 16 times those of values, and of queries until b and delta fit."""
    config = model.config
    inputs, heads = dict(scales.inputs), dict(scales.heads)
    for sublayer in architecture(config).sublayers:
        if not sublayer.kind.is_attention:
            continue
        name = sublayer.name
        context = f"{name}.context"
        most = _ROUNDING * LARGEST_CONTEXT_RATIO * min(heads[f"{name}.values"])
        inputs[context] = min(inputs[context], most)
        query, key = (np.array(heads[f"{name}.{part}"]) for part in ("queries", "keys"))
        lowered = query * _share_of_scores(model, name, scores_scale(query, key, config.head_dim))
        heads[f"{name}.queries"] = tuple(map(float, lowered))
    return dataclasses.replace(scales, inputs=inputs, heads=heads)


def _share_of_scores(model: TensorSource, attention: str, scores: Float64Array) -> Float64Array:
    """Factors [heads], at most 1, by which the scores' scales shrink so that b and delta fit in integers."""
    config = model.config
    share = np.ones_like(scores)
    if config.polynomial_bias:
        bias = np.abs(model.tensor(f"{attention}.polynomial.bias").astype(np.float64)) * scores
        share = np.minimum(share, _most(POLYNOMIAL_BIAS_LIMITS[1], bias))
    if config.polynomial_delta:
        degree = config.polynomial_degree
        delta = np.abs(model.tensor(f"{attention}.polynomial.delta").astype(np.float64))
        fitting = _most(_LARGEST_DELTA, delta * delta_scale(scores, degree))
        share = np.minimum(share, fitting ** (1 / degree))
    return share


_LARGEST_DELTA: Final = 2.0**30
"""A mantissa is below 2^31, and is shifted by at least 1."""


def _most(limit: float, values: Float64Array) -> Float64Array:
    """limit / values, at most 1."""
    share: Float64Array = _ROUNDING * limit / np.maximum(values, _ROUNDING * limit)
    return share

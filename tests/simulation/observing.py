"""What the products of a simulated model read, and a static plan made from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from octavo.model.architecture import products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, Static
from octavo.model.sublayers import ProductKind
from octavo.quantization import TensorModel
from octavo.simulation import Simulation, attention, transformer
from octavo.simulation.transformer import SimulationResult


def observe(
    model: TensorModel, source: Sequence[int], target: Sequence[int]
) -> tuple[SimulationResult, dict[str, np.ndarray]]:
    """The result, and the float tensors read: weight products' inputs by product, the others by site.

    Queries, keys and values are [heads, rows, head_dim].
    """
    seen: dict[str, np.ndarray] = {}
    product = transformer._ForwardPass._product
    scores_of, context_of = attention.scores_of, attention.context_of

    def watch_product(self, described, x):  # type: ignore[no-untyped-def]
        seen[described.name] = x
        return product(self, described, x)

    def watch_scores(plan, name, query, key):  # type: ignore[no-untyped-def]
        seen[f"{name}.queries"], seen[f"{name}.keys"] = query, key
        return scores_of(plan, name, query, key)

    def watch_context(plan, name, value):  # type: ignore[no-untyped-def]
        seen[f"{name}.values"] = value
        return context_of(plan, name, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer._ForwardPass, "_product", watch_product)
        patch.setattr(attention, "scores_of", watch_scores)
        patch.setattr(attention, "context_of", watch_context)
        result = Simulation(model).run(source, target)
    return result, seen


def min_max_plan(
    config: ModelConfig, seen: dict[str, np.ndarray], float32: frozenset[str] = frozenset()
) -> QuantizationPlan:
    """Affine ranges from the least to the largest value seen; heads around 0."""
    inputs: dict[str, Static | None] = {}
    heads: dict[str, tuple[float, ...]] = {}
    for product in products(config):
        if product.name in float32:
            continue
        if product.kind is ProductKind.WEIGHT:
            inputs[product.sites[0]] = _affine(seen[product.name])
        for site in product.sites if product.kind is not ProductKind.WEIGHT else ():
            if not site.endswith(".weights"):
                heads[site] = tuple(np.abs(seen[site]).max(axis=(1, 2)) / 127)
    return QuantizationPlan(float32, inputs, heads)


def _affine(x: np.ndarray) -> Static:
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    scale = (high - low) / 255
    return Static(scale, round(-low / scale))

"""Quantization plans for tests: every product in int8, the published choice, and a wild mixture."""

from __future__ import annotations

import numpy as np

from octavo.model.architecture import products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, Static
from octavo.model.sublayers import ProductKind

PLANS = ("full", "paper", "mixed")


def plan_for(config: ModelConfig, kind: str, seed: int = 0) -> QuantizationPlan:
    """A plan of one of ``PLANS``, its scales about right for ``models.random_tensors``."""
    rng = np.random.default_rng(seed)
    float32 = {product.name for product in products(config) if _left_in_float32(kind, product, rng)}
    inputs: dict[str, Static | None] = {}
    heads: dict[str, tuple[float, ...]] = {}
    for product in products(config):
        for site in product.sites:
            if product.name in float32 or site.endswith(".weights"):
                continue
            if product.kind is ProductKind.WEIGHT:
                dynamic = kind == "mixed" and rng.random() < 0.3
                zero_point = int(rng.choice([0, 1, 100, 128, 131, 255]))
                how = Static(float(rng.uniform(0.01, 0.04)), zero_point, narrow_range=zero_point in (1, 128))
                inputs.setdefault(site, None if dynamic else how)
            else:
                scales = np.float32(rng.uniform(0.005, 0.02, config.attention_heads))
                heads[site] = tuple(scales.tolist())
    plan = QuantizationPlan(frozenset(float32), inputs, heads)
    plan.check(config)
    return plan


def _left_in_float32(kind: str, product, rng: np.random.Generator) -> bool:
    if kind == "mixed":
        return bool(rng.random() < 0.3)
    return kind == "paper" and (product.kind is not ProductKind.WEIGHT or product.name.endswith(".outer"))

"""What each product costs in int8: alone, and among all the others."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

from octavo.model.config import ModelConfig
from octavo.model.sublayers import Product, WeightProduct
from octavo.runs.progress import Progress

Divergence = Callable[[frozenset[str]], float]
"""KL per target token, against float32, with exactly these products in int8."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sensitivity:
    """A product's part in the loss, in nats of KL per target token.

    ``alone``: only this product in int8. ``won``: the decrease in KL of the all-int8 model when this product
    alone is put back to float32.
    ``work``: its multiplications for one token, which float32 makes slower.

    ``alone`` decides. When several products cause the loss, restoring one hardly changes KL, so ``won`` says
    little there.
    """

    product: str
    alone: float
    won: float
    work: int


def measure_sensitivity(
    candidates: Sequence[Product], divergence: Divergence, work: Mapping[str, int], progress: Progress
) -> list[Sensitivity]:
    """The sensitivity of each of ``candidates``, the products that are to run in int8, in their order."""
    every = frozenset(product.name for product in candidates)
    progress.stage("Measuring each product", len(candidates))
    together = divergence(every)
    found = []
    for product in candidates:
        name = product.name
        alone = divergence(frozenset({name}))
        won = together - divergence(every - {name})
        found.append(Sensitivity(name, alone, won, work[name]))
        progress.advance()
    return found


def fallback_order(sensitivities: Sequence[Sensitivity]) -> list[str]:
    """Products by KL per unit of what float32 costs, the highest first; equal ones in order of their names.

    A cost is a product's work and as much again as the mean product's, for converting around it.
    """
    conversion = sum(s.work for s in sensitivities) / max(len(sensitivities), 1)
    return [
        s.product for s in sorted(sensitivities, key=lambda s: (-s.alone / (s.work + conversion), s.product))
    ]


def work_per_token(config: ModelConfig, products: Sequence[Product], mean_keys: float) -> dict[str, int]:
    """Multiplications of each product for one token of its side, attention over ``mean_keys`` keys."""
    attention = max(1, round(config.attention_width * mean_keys))
    return {
        product.name: math.prod(product.weight.shape) if isinstance(product, WeightProduct) else attention
        for product in products
    }

"""What the tensors of a model of scheme ``integer`` must satisfy together, so that nothing overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.model.architecture import OUTPUT, architecture, sites, weight_products
from octavo.model.config import ModelConfig
from octavo.model.integer_format import (
    LARGEST_CONTEXT_RATIO,
    LOGIT_LIMIT,
    MANTISSA_LIMITS,
    SUM_LIMIT,
    SYMMETRIC_LEVELS,
)
from octavo.model.sublayers import SiteKind, WeightProduct

Reader = Callable[[str], npt.NDArray[Any]]

_HIDDEN_LEVELS = 255


def integer_problem(config: ModelConfig, tensor: Reader) -> str | None:
    """The first overflow that some input could cause, or an impossible polynomial; None for a sound model.

    ``tensor`` gives every tensor by name, each within the limits of its spec. Sums of products are below
    2^31, also shifted left as their factors' shifts ask for, and logits below 2^24, whatever the activations
    (docs/numerics.md, "Integer precision").
    """
    for sublayer in architecture(config).sublayers:
        if sublayer.kind.is_attention and (problem := _attention_problem(sublayer.name, tensor)):
            return problem
    known = sites(config)
    for product in weight_products(config):
        level = _HIDDEN_LEVELS if known[product.site].kind is SiteKind.HIDDEN else SYMMETRIC_LEVELS
        if problem := _product_problem(product, level, tensor):
            return problem
    return None


def _product_problem(product: WeightProduct, level: int, tensor: Reader) -> str | None:
    sums = np.abs(tensor(product.weight.name).astype(np.int16)).sum(axis=1, dtype=np.int64) * level
    if product.bias:
        sums += np.abs(tensor(product.bias.name).astype(np.int64))
    if sums.max() >= SUM_LIMIT:
        row = int(sums.argmax())
        return f"product {product.name}: the sum of row {row} may reach {sums[row]}, which overflows int32"
    h = tensor(f"{product.name}.shift").astype(np.int64)
    shifted = sums << np.maximum(1 - h, 0)
    if shifted.max() >= SUM_LIMIT:
        row = int(shifted.argmax())
        return (
            f"product {product.name}: the sum of row {row} may reach {sums[row]}, too much for its factor's "
            f"shift, {h[row]}"
        )
    if product.name == OUTPUT:
        multiplier = tensor("output.multiplier").astype(np.int64)
        logits = (sums * multiplier + (np.ones_like(h) << (h + 31))) >> (h + 32)
        if logits.max() >= LOGIT_LIMIT:
            token = int(logits.argmax())
            return f"product output: the logit of token {token} may reach {logits[token]}, above 2^24 - 1"
    return None


def _attention_problem(attention: str, tensor: Reader) -> str | None:
    delta = tensor(f"{attention}.polynomial.delta")
    if ((delta > 0) & (delta < MANTISSA_LIMITS[0])).any():
        return f"tensor {attention}.polynomial.delta is neither 0 nor from 2^30 to 2^31 - 1 in some head"
    ratio = np.ldexp(
        tensor(f"{attention}.context_multiplier").astype(np.float64),
        tensor(f"{attention}.context_exponent").astype(np.int32),
    )
    if ratio.max() > LARGEST_CONTEXT_RATIO:
        head = int(ratio.argmax())
        return (
            f"tensor {attention}.context_multiplier: head {head} scales its context by {ratio[head]:.3g}; "
            f"at most {LARGEST_CONTEXT_RATIO} is possible"
        )
    return None

"""What the tensors of a model of scheme ``integer`` must satisfy together, so that nothing overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.model.architecture import OUTPUT, Product, ProductKind, products, weight_name
from octavo.model.config import ModelConfig
from octavo.model.integer_format import (
    LARGEST_CONTEXT_RATIO,
    LOGIT_LIMIT,
    MANTISSA_LIMITS,
    SUM_LIMIT,
    SYMMETRIC_LEVELS,
)

Reader = Callable[[str], npt.NDArray[Any]]

_HIDDEN_LEVELS = 255


def integer_problem(config: ModelConfig, tensor: Reader) -> str | None:
    """The first overflow that some input could cause, or an impossible polynomial; None for a sound model.

    ``tensor`` gives every tensor by name, each within the limits of its spec. Sums of products are below
    2^31, also shifted left as their factors' shifts ask for, and logits below 2^24, whatever the activations
    (docs/numerics.md, "Integer precision").
    """
    for product in products(config):
        if product.kind is ProductKind.WEIGHT:
            problem = _product_problem(config, product, tensor)
        elif product.kind is ProductKind.SCORES:
            problem = _attention_problem(product.name.removesuffix(".scores"), tensor)
        else:
            continue
        if problem:
            return problem
    return None


def largest_sums(
    product: Product, weight: npt.NDArray[np.int8], bias: npt.NDArray[np.int32] | None
) -> npt.NDArray[np.int64]:
    """int64 [rows]: the largest magnitude of a product's sums, bias included, over all activations."""
    levels = _HIDDEN_LEVELS if product.sites[0].endswith(".hidden") else SYMMETRIC_LEVELS
    sums: npt.NDArray[np.int64] = np.abs(weight.astype(np.int16)).sum(axis=1, dtype=np.int64) * levels
    return sums if bias is None else sums + np.abs(bias.astype(np.int64))


def _product_problem(config: ModelConfig, product: Product, tensor: Reader) -> str | None:
    is_output = product.name == OUTPUT
    has_bias = config.output_bias or not is_output
    bias = tensor(f"{product.name}.bias") if has_bias else None
    sums = largest_sums(product, tensor(weight_name(config, product)), bias)
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
    if is_output:
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

"""What a model consists of.

A *product* is a matrix product: a weight product (named as its weight without ``.weight``; the output
projection is ``output``), or one of attention's own two: ``X.scores`` (queries times keys) and ``X.context``
(attention weights times values). A *site* is a tensor that products take as input. Standard library only.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import Final

from octavo.model.config import Mixer, ModelConfig
from octavo.model.tensor_table import output_weight_name

OUTPUT: Final = "output"


class ProductKind(enum.StrEnum):
    """What is multiplied: activations by weights, queries by keys, or attention weights by values."""

    WEIGHT = "weight"
    SCORES = "scores"
    CONTEXT = "context"


@dataclasses.dataclass(frozen=True, slots=True)
class Product:
    """A product and the sites it reads: one for a weight product, two for attention's."""

    name: str
    kind: ProductKind
    sites: tuple[str, ...]


def products(config: ModelConfig) -> Iterator[Product]:
    """Every product of the model, in order of the forward pass."""
    for i in range(config.encoder_layers):
        yield from _attention(f"encoder.layers.{i}.self_attention", None)
        yield from _feed_forward(f"encoder.layers.{i}.feed_forward", config)
    for i in range(config.decoder_layers):
        if config.decoder_mixer is Mixer.SSRU:
            yield from _ssru(f"decoder.layers.{i}.ssru")
        else:
            yield from _attention(f"decoder.layers.{i}.self_attention", None)
        if not config.is_language_model:
            yield from _attention(f"decoder.layers.{i}.cross_attention", "encoder.output")
        yield from _feed_forward(f"decoder.layers.{i}.feed_forward", config)
    yield Product(OUTPUT, ProductKind.WEIGHT, ("decoder.output",))


def _attention(name: str, memory: str | None) -> Iterator[Product]:
    own = f"{name}.input"
    for projection, site in (("query", own), ("key", memory or own), ("value", memory or own)):
        yield Product(f"{name}.{projection}", ProductKind.WEIGHT, (site,))
    yield Product(f"{name}.scores", ProductKind.SCORES, (f"{name}.queries", f"{name}.keys"))
    yield Product(f"{name}.context", ProductKind.CONTEXT, (f"{name}.weights", f"{name}.values"))
    yield Product(f"{name}.output", ProductKind.WEIGHT, (f"{name}.context",))


def _ssru(name: str) -> Iterator[Product]:
    for product in ("candidate", "forget"):
        yield Product(f"{name}.{product}", ProductKind.WEIGHT, (f"{name}.input",))


def _feed_forward(name: str, config: ModelConfig) -> Iterator[Product]:
    if config.gated:
        yield Product(f"{name}.gate", ProductKind.WEIGHT, (f"{name}.input",))
    yield Product(f"{name}.inner", ProductKind.WEIGHT, (f"{name}.input",))
    yield Product(f"{name}.outer", ProductKind.WEIGHT, (f"{name}.hidden",))


def sites(config: ModelConfig) -> dict[str, int]:
    """Every site and the width of its rows (``X.weights``: as many as there are keys, so 0), in order."""
    found: dict[str, int] = {}
    for product in products(config):
        for site in product.sites:
            if site.endswith(".weights"):
                found[site] = 0
            elif site.endswith(".hidden"):
                found[site] = config.ffn_dim
            else:
                of_heads = site.endswith((".queries", ".keys", ".values", ".context"))
                found[site] = config.attention_width if of_heads else config.d_model
    return found


def weight_name(config: ModelConfig, product: Product) -> str:
    """The weight tensor of a weight product."""
    return output_weight_name(config) if product.name == OUTPUT else f"{product.name}.weight"

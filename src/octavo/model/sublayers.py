"""The sublayers of a model, each with its tensors, products and sites.

A *product* is a matrix product: a weight product (named as its weight without ``.weight``), or one of
attention's own two: ``X.scores`` (queries times keys) and ``X.context`` (attention weights times values). A
*site* is a tensor that products take as input.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

from octavo.model.config import AttentionFunction, ModelConfig, NormFunction, NormPlacement, PolynomialSharing


class TensorKind(enum.StrEnum):
    """What the numbers of a tensor are. The last three are of quantized models only: what integers are
    multiplied by, as a float scale, or as a multiplier and a shift."""

    EMBEDDING = "embedding"
    WEIGHT = "weight"
    BIAS = "bias"
    NORM_WEIGHT = "norm weight"
    NORM_BIAS = "norm bias"
    POSITIONS = "positions"
    RELATIVE_BIAS = "relative bias"
    POLYNOMIAL = "polynomial"
    SCALE = "scale"
    MULTIPLIER = "multiplier"
    SHIFT = "shift"

    @property
    def is_matrix(self) -> bool:
        """Whether quantization may store such a tensor as int8: embeddings and weights of products."""
        return self in (TensorKind.EMBEDDING, TensorKind.WEIGHT)

    @property
    def is_parameter(self) -> bool:
        """Whether its numbers are parameters of the model, not scales of others."""
        return self not in (TensorKind.SCALE, TensorKind.MULTIPLIER, TensorKind.SHIFT)


class ProductKind(enum.StrEnum):
    """What is multiplied: activations by weights, queries by keys, or attention weights by values."""

    WEIGHT = "weight"
    SCORES = "scores"
    CONTEXT = "context"


class SiteKind(enum.StrEnum):
    """What a site holds.

    ``states``: rows of the residual stream, normed in a pre-norm model. ``hidden``: the inner layer of a
    feed-forward network. ``queries``, ``keys``, ``values``: of all heads, quantized by head. ``weights``: the
    weights of attention, from 0 to 1. ``context``: what attention has mixed.
    """

    STATES = "states"
    HIDDEN = "hidden"
    QUERIES = "queries"
    KEYS = "keys"
    VALUES = "values"
    WEIGHTS = "weights"
    CONTEXT = "context"

    @property
    def is_per_head(self) -> bool:
        """Whether each head has a scale of its own."""
        return self in (SiteKind.QUERIES, SiteKind.KEYS, SiteKind.VALUES)


class SublayerKind(enum.StrEnum):
    """What a sublayer computes; its name ends so."""

    SELF_ATTENTION = "self_attention"
    CROSS_ATTENTION = "cross_attention"
    SSRU = "ssru"
    FEED_FORWARD = "feed_forward"

    @property
    def is_attention(self) -> bool:
        """Whether it has queries, keys and values."""
        return self in (SublayerKind.SELF_ATTENTION, SublayerKind.CROSS_ATTENTION)


@dataclasses.dataclass(frozen=True, slots=True)
class ModelTensor:
    """A tensor of a float model. A product's weight is [output channels, input channels], an embedding
    [tokens, d_model]."""

    name: str
    kind: TensorKind
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """What products read: rows of ``width`` channels; 0 for attention weights, as many as there are keys.

    ``norm``: the norm whose output it is, in a pre-norm model.
    """

    name: str
    kind: SiteKind
    width: int
    norm: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Product:
    """A product and the sites it reads: one for a weight product, two for attention's.

    ``stack``: encoder or decoder. ``makes``: the site that its result becomes; None where it is added to the
    residual stream, or is scores, logits or a part of a recurrent unit.
    """

    name: str
    kind: ProductKind
    sites: tuple[str, ...]
    stack: str
    makes: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class WeightProduct(Product):
    """A product of activations and a weight, with its tensors; a tied output's weight is an embedding."""

    weight: ModelTensor = dataclasses.field(kw_only=True)
    bias: ModelTensor | None = None

    @property
    def site(self) -> str:
        """The one site that it reads."""
        return self.sites[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Sublayer:
    """One sublayer: what it computes, its products in order, the sites that it makes or norms for itself,
    and all its tensors. Its norm is ``X.norm``."""

    name: str
    kind: SublayerKind
    products: tuple[Product, ...]
    sites: tuple[Site, ...]
    tensors: tuple[ModelTensor, ...]

    @property
    def norm(self) -> str:
        """The name of its norm."""
        return f"{self.name}.norm"


def attention(
    layer: str, kind: SublayerKind, config: ModelConfig, stack: str, memory: Site | None = None
) -> Sublayer:
    """Self-attention of a layer, or attention to the site ``memory``."""
    name = f"{layer}.{kind}"
    d, width = config.d_model, config.attention_width
    own = states_site(f"{name}.input", config, f"{name}.norm")
    source = memory or own
    queries, keys, values, context = (
        Site(f"{name}.{made}", made, width)
        for made in (SiteKind.QUERIES, SiteKind.KEYS, SiteKind.VALUES, SiteKind.CONTEXT)
    )
    weights = Site(f"{name}.weights", SiteKind.WEIGHTS, 0)
    found = (
        _weight_product(f"{name}.query", (width, d), own, stack, makes=queries),
        _weight_product(f"{name}.key", (width, d), source, stack, makes=keys),
        _weight_product(f"{name}.value", (width, d), source, stack, makes=values),
        Product(f"{name}.scores", ProductKind.SCORES, (queries.name, keys.name), stack),
        Product(f"{name}.context", ProductKind.CONTEXT, (weights.name, values.name), stack, context.name),
        _weight_product(f"{name}.output", (d, width), context, stack),
    )
    made = (own, queries, keys, weights, values, context)
    return _sublayer(name, kind, config, found, made, _polynomial(f"{name}.polynomial", config))


def ssru(layer: str, config: ModelConfig, stack: str) -> Sublayer:
    """The simpler simple recurrent unit of a layer, which stands where self-attention would."""
    name = f"{layer}.{SublayerKind.SSRU}"
    own, square = states_site(f"{name}.input", config, f"{name}.norm"), (config.d_model, config.d_model)
    found = (
        _weight_product(f"{name}.candidate", square, own, stack, has_bias=False),
        _weight_product(f"{name}.forget", square, own, stack),
    )
    return _sublayer(name, SublayerKind.SSRU, config, found, (own,))


def feed_forward(layer: str, config: ModelConfig, stack: str) -> Sublayer:
    """The feed-forward network of a layer, gated or not."""
    name = f"{layer}.{SublayerKind.FEED_FORWARD}"
    d, ffn = config.d_model, config.ffn_dim
    own = states_site(f"{name}.input", config, f"{name}.norm")
    hidden = Site(f"{name}.hidden", SiteKind.HIDDEN, ffn)
    inner = ("gate", "inner") if config.gated else ("inner",)
    found = (
        *(_weight_product(f"{name}.{part}", (ffn, d), own, stack, makes=hidden) for part in inner),
        _weight_product(f"{name}.outer", (d, ffn), hidden, stack),
    )
    return _sublayer(name, SublayerKind.FEED_FORWARD, config, found, (own, hidden))


def _sublayer(
    name: str,
    kind: SublayerKind,
    config: ModelConfig,
    found: tuple[Product, ...],
    made: tuple[Site, ...],
    more: tuple[ModelTensor, ...] = (),
) -> Sublayer:
    of_weights = [product for product in found if isinstance(product, WeightProduct)]
    weights = tuple(product.weight for product in of_weights)
    biases = tuple(product.bias for product in of_weights if product.bias)
    return Sublayer(
        name, kind, found, made, (*weights, *biases, *more, *norm_tensors(f"{name}.norm", config))
    )


def _weight_product(
    name: str,
    shape: tuple[int, int],
    site: Site,
    stack: str,
    *,
    makes: Site | None = None,
    has_bias: bool = True,
) -> WeightProduct:
    return WeightProduct(
        name,
        ProductKind.WEIGHT,
        (site.name,),
        stack,
        weight=ModelTensor(f"{name}.weight", TensorKind.WEIGHT, shape),
        bias=ModelTensor(f"{name}.bias", TensorKind.BIAS, shape[:1]) if has_bias else None,
        makes=makes.name if makes else None,
    )


def states_site(name: str, config: ModelConfig, norm: str) -> Site:
    """A site that holds rows of the residual stream."""
    return Site(name, SiteKind.STATES, config.d_model, norm if config.norm is NormPlacement.PRE else None)


def _polynomial(name: str, config: ModelConfig) -> tuple[ModelTensor, ...]:
    if config.attention is not AttentionFunction.POLYNOMIAL:
        return ()
    count = config.attention_heads if config.polynomial_sharing is PolynomialSharing.HEAD else 1
    parts = {"bias": config.polynomial_bias, "delta": config.polynomial_delta}
    return tuple(
        ModelTensor(f"{name}.{part}", TensorKind.POLYNOMIAL, (count,))
        for part, there in parts.items()
        if there
    )


def norm_tensors(name: str, config: ModelConfig) -> Iterator[ModelTensor]:
    """Those of the norm of that name."""
    yield ModelTensor(f"{name}.weight", TensorKind.NORM_WEIGHT, (config.d_model,))
    if config.norm_function is not NormFunction.RMS:
        yield ModelTensor(f"{name}.bias", TensorKind.NORM_BIAS, (config.d_model,))

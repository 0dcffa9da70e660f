"""What a model consists of: stacks of sublayers, with their tensors, products and sites.

A *product* is a matrix product: a weight product (named as its weight without ``.weight``; the output
projection is ``output``), or one of attention's own two: ``X.scores`` (queries times keys) and ``X.context``
(attention weights times values). A *site* is a tensor that products take as input. Whatever lists parts of a
model, the tensor table and plans first, takes them from here.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterator
from typing import Final

from octavo.model.config import (
    AttentionFunction,
    Mixer,
    ModelConfig,
    NormFunction,
    NormPlacement,
    PolynomialSharing,
    Positions,
)

OUTPUT: Final = "output"


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


@dataclasses.dataclass(frozen=True, slots=True)
class Stack:
    """Encoder or decoder: its embedding (perhaps another stack's), the tensors that lie outside of its
    sublayers, the sublayers in order, and the site of its result."""

    name: str
    embedding: ModelTensor
    tensors: tuple[ModelTensor, ...]
    sublayers: tuple[Sublayer, ...]
    result: Site


@dataclasses.dataclass(frozen=True, slots=True)
class Architecture:
    """A whole model: its stacks in the order computed, then the output projection with its own tensors."""

    stacks: tuple[Stack, ...]
    output: WeightProduct
    output_tensors: tuple[ModelTensor, ...]

    @property
    def sublayers(self) -> Iterator[Sublayer]:
        """Every sublayer, in order of the forward pass."""
        for stack in self.stacks:
            yield from stack.sublayers

    @property
    def tensors(self) -> Iterator[ModelTensor]:
        """Every tensor of the float model, once."""
        for stack in self.stacks:
            yield from stack.tensors
        for sublayer in self.sublayers:
            yield from sublayer.tensors
        yield from self.output_tensors


@functools.lru_cache(maxsize=16)
def architecture(config: ModelConfig) -> Architecture:
    """What a model of that configuration consists of."""
    stacks: list[Stack] = []
    if not config.is_language_model:
        stacks.append(_stack("encoder", config, None, None))
    memory = stacks[0].result if stacks else None
    shared = stacks[0].embedding if config.shared_embeddings else None
    stacks.append(decoder := _stack("decoder", config, memory, shared))
    vocabulary = config.target_vocab_size
    own = ModelTensor("output.weight", TensorKind.WEIGHT, (vocabulary, config.d_model))
    bias = ModelTensor("output.bias", TensorKind.BIAS, (vocabulary,)) if config.output_bias else None
    output = WeightProduct(
        OUTPUT,
        ProductKind.WEIGHT,
        (decoder.result.name,),
        "decoder",
        weight=decoder.embedding if config.tied_output else own,
        bias=bias,
    )
    tensors = (() if config.tied_output else (own,)) + ((bias,) if bias else ())
    return Architecture(tuple(stacks), output, tensors)


def products(config: ModelConfig) -> tuple[Product, ...]:
    """Every product of the model, in order of the forward pass."""
    whole = architecture(config)
    return (*(product for sublayer in whole.sublayers for product in sublayer.products), whole.output)


def weight_products(config: ModelConfig) -> tuple[WeightProduct, ...]:
    """Those of activations and weights, in order of the forward pass."""
    return tuple(product for product in products(config) if isinstance(product, WeightProduct))


def sites(config: ModelConfig) -> dict[str, Site]:
    """Every site by name, in the order in which the forward pass reads them first."""
    whole = architecture(config)
    own = {site.name: site for sublayer in whole.sublayers for site in sublayer.sites}
    known = own | {stack.result.name: stack.result for stack in whole.stacks}
    return {name: known[name] for product in products(config) for name in product.sites}


def sites_written(config: ModelConfig) -> dict[str, str]:
    """The site that a norm of a pre-norm model, or a product, writes: by their names."""
    of_norms = {site.norm: name for name, site in sites(config).items() if site.norm}
    return of_norms | {product.name: product.makes for product in products(config) if product.makes}


def embedding_name(config: ModelConfig, stack: str) -> str:
    """The embedding tensor of a stack: the encoder's, where it is shared."""
    return next(s.embedding.name for s in architecture(config).stacks if s.name == stack)


def output_weight_name(config: ModelConfig) -> str:
    """The tensor that the output projection multiplies by: an embedding, where it is tied."""
    return architecture(config).output.weight.name


def _stack(name: str, config: ModelConfig, memory: Site | None, shared: ModelTensor | None) -> Stack:
    """``memory``: what its cross-attentions read, ``shared``: an embedding that it shares."""
    is_decoder = name == "decoder"
    tokens = config.target_vocab_size if is_decoder else config.source_vocab_size
    own = ModelTensor(f"{name}.embedding.weight", TensorKind.EMBEDDING, (tokens, config.d_model))
    sublayers: list[Sublayer] = []
    for i in range(config.decoder_layers if is_decoder else config.encoder_layers):
        layer = f"{name}.layers.{i}"
        if is_decoder and config.decoder_mixer is Mixer.SSRU:
            sublayers.append(_ssru(f"{layer}.ssru", config, name))
        else:
            sublayers.append(_attention(layer, SublayerKind.SELF_ATTENTION, config, name))
        if memory:
            sublayers.append(_attention(layer, SublayerKind.CROSS_ATTENTION, config, name, memory))
        sublayers.append(_feed_forward(f"{layer}.feed_forward", config, name))
    return Stack(
        name,
        shared or own,
        (*(() if shared else (own,)), *_stack_tensors(name, config)),
        tuple(sublayers),
        _states(f"{name}.output", config, f"{name}.norm"),
    )


def _stack_tensors(name: str, config: ModelConfig) -> Iterator[ModelTensor]:
    if config.positions is Positions.LEARNED:
        rows = config.max_positions + config.position_offset
        yield ModelTensor(f"{name}.positions.weight", TensorKind.POSITIONS, (rows, config.d_model))
    if config.relative_buckets:
        shape = (config.relative_buckets, config.attention_heads)
        yield ModelTensor(f"{name}.relative_bias", TensorKind.RELATIVE_BIAS, shape)
    if config.embedding_norm:
        yield from _norm(f"{name}.embedding_norm", config)
    if config.norm is NormPlacement.PRE:
        yield from _norm(f"{name}.norm", config)


def _attention(
    layer: str, kind: SublayerKind, config: ModelConfig, stack: str, memory: Site | None = None
) -> Sublayer:
    name = f"{layer}.{kind}"
    d, width = config.d_model, config.attention_width
    own = _states(f"{name}.input", config, f"{name}.norm")
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


def _ssru(name: str, config: ModelConfig, stack: str) -> Sublayer:
    own, square = _states(f"{name}.input", config, f"{name}.norm"), (config.d_model, config.d_model)
    found = (
        _weight_product(f"{name}.candidate", square, own, stack, has_bias=False),
        _weight_product(f"{name}.forget", square, own, stack),
    )
    return _sublayer(name, SublayerKind.SSRU, config, found, (own,))


def _feed_forward(name: str, config: ModelConfig, stack: str) -> Sublayer:
    d, ffn = config.d_model, config.ffn_dim
    own = _states(f"{name}.input", config, f"{name}.norm")
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
    return Sublayer(name, kind, found, made, (*weights, *biases, *more, *_norm(f"{name}.norm", config)))


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


def _states(name: str, config: ModelConfig, norm: str) -> Site:
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


def _norm(name: str, config: ModelConfig) -> Iterator[ModelTensor]:
    yield ModelTensor(f"{name}.weight", TensorKind.NORM_WEIGHT, (config.d_model,))
    if config.norm_function is not NormFunction.RMS:
        yield ModelTensor(f"{name}.bias", TensorKind.NORM_BIAS, (config.d_model,))

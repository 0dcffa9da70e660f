"""What a model consists of: stacks of sublayers, and the output projection, which is the product ``output``.

Whatever lists parts of a model, the tensor table and plans first, takes them from here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Final

from octavo.model.config import Mixer, ModelConfig, NormPlacement, Positions
from octavo.model.sublayers import (
    ModelTensor,
    Product,
    ProductKind,
    Site,
    Sublayer,
    SublayerKind,
    TensorKind,
    WeightProduct,
    attention,
    feed_forward,
    norm_tensors,
    ssru,
    states_site,
)

OUTPUT: Final = "output"


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
            sublayers.append(ssru(layer, config, name))
        else:
            sublayers.append(attention(layer, SublayerKind.SELF_ATTENTION, config, name))
        if memory:
            sublayers.append(attention(layer, SublayerKind.CROSS_ATTENTION, config, name, memory))
        sublayers.append(feed_forward(layer, config, name))
    return Stack(
        name,
        shared or own,
        (*(() if shared else (own,)), *_stack_tensors(name, config)),
        tuple(sublayers),
        states_site(f"{name}.output", config, f"{name}.norm"),
    )


def _stack_tensors(name: str, config: ModelConfig) -> Iterator[ModelTensor]:
    if config.positions is Positions.LEARNED:
        rows = config.max_positions + config.position_offset
        yield ModelTensor(f"{name}.positions.weight", TensorKind.POSITIONS, (rows, config.d_model))
    if config.relative_buckets:
        shape = (config.relative_buckets, config.attention_heads)
        yield ModelTensor(f"{name}.relative_bias", TensorKind.RELATIVE_BIAS, shape)
    if config.embedding_norm:
        yield from norm_tensors(f"{name}.embedding_norm", config)
    if config.norm is NormPlacement.PRE:
        yield from norm_tensors(f"{name}.norm", config)

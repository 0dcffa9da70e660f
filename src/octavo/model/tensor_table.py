"""The tensors of a model: their names, shapes and element types.

Everything that reads or writes a model's tensors agrees here and nowhere else. Standard library only.
"""

from __future__ import annotations

import dataclasses
import enum
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
from octavo.model.integer_format import (
    CONTEXT_EXPONENT_LIMITS,
    DELTA_SHIFT_LIMITS,
    EMBEDDING_SHIFT_LIMITS,
    MANTISSA_LIMITS,
    NORM_BIAS_LIMITS,
    NORM_SHIFT_LIMITS,
    POLYNOMIAL_BIAS_LIMITS,
    POSITION_LIMITS,
    PRODUCT_SHIFT_LIMITS,
    WEIGHT_LIMITS,
    Limits,
    norm_weight_limits,
)
from octavo.model.scheme import Scheme


class DType(enum.StrEnum):
    """Element types on disk, in safetensors' own names."""

    F32 = "F32"
    F16 = "F16"
    I8 = "I8"
    I16 = "I16"
    I32 = "I32"


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of the model file: its name, its shape and the element types it may have.

    ``limits``: the smallest and the largest of its integers; None where its type alone limits them. Of two
    types the second is a shorter form of the first: F16 of F32, and I16 the upper half of I32.
    """

    name: str
    shape: tuple[int, ...]
    dtypes: tuple[DType, ...]
    limits: Limits | None = None


_FLOAT: Final = (DType.F32, DType.F16)


def weight_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, int]]]:
    """Matrices that quantization may store as int8: embeddings and products, (rows, columns).

    A product's weight is (output channels, input channels); an embedding's (tokens, d_model).
    """
    d, ffn = config.d_model, config.ffn_dim
    if not config.is_language_model:
        yield "encoder.embedding.weight", (config.source_vocab_size, d)
    if not config.shared_embeddings:
        yield "decoder.embedding.weight", (config.target_vocab_size, d)
    for layer, attentions in _layers(config):
        for attention in attentions:
            for projection in ("query", "key", "value"):
                yield f"{layer}.{attention}.{projection}.weight", (config.attention_width, d)
            yield f"{layer}.{attention}.output.weight", (d, config.attention_width)
        if has_ssru(config, layer):
            yield f"{layer}.ssru.candidate.weight", (d, d)
            yield f"{layer}.ssru.forget.weight", (d, d)
        if config.gated:
            yield f"{layer}.feed_forward.gate.weight", (ffn, d)
        yield f"{layer}.feed_forward.inner.weight", (ffn, d)
        yield f"{layer}.feed_forward.outer.weight", (d, ffn)
    if not config.tied_output:
        yield "output.weight", (config.target_vocab_size, d)


def float_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Tensors that stay in floating point: biases, norms, learned positions, attention's polynomials."""
    d, ffn = config.d_model, config.ffn_dim
    for side, _ in _stacks(config):
        if config.positions is Positions.LEARNED:
            yield f"{side}.positions.weight", (config.max_positions + config.position_offset, d)
        if config.relative_buckets:
            yield f"{side}.relative_bias", (config.relative_buckets, config.attention_heads)
        if config.embedding_norm:
            yield from _norm(f"{side}.embedding_norm", config)
        if config.norm is NormPlacement.PRE:
            yield from _norm(f"{side}.norm", config)
    for layer, attentions in _layers(config):
        for attention in attentions:
            for projection in ("query", "key", "value"):
                yield f"{layer}.{attention}.{projection}.bias", (config.attention_width,)
            yield f"{layer}.{attention}.output.bias", (d,)
            yield from _polynomial(f"{layer}.{attention}.polynomial", config)
            yield from _norm(f"{layer}.{attention}.norm", config)
        if has_ssru(config, layer):
            yield f"{layer}.ssru.forget.bias", (d,)
            yield from _norm(f"{layer}.ssru.norm", config)
        if config.gated:
            yield f"{layer}.feed_forward.gate.bias", (ffn,)
        yield f"{layer}.feed_forward.inner.bias", (ffn,)
        yield f"{layer}.feed_forward.outer.bias", (d,)
        yield from _norm(f"{layer}.feed_forward.norm", config)
    if config.output_bias:
        yield "output.bias", (config.target_vocab_size,)


def _stacks(config: ModelConfig) -> Iterator[tuple[str, int]]:
    """The model's stacks and their vocabularies."""
    if not config.is_language_model:
        yield "encoder", config.source_vocab_size
    yield "decoder", config.target_vocab_size


def _layers(config: ModelConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    for i in range(config.encoder_layers):
        yield f"encoder.layers.{i}", ("self_attention",)
    attentions = ("self_attention",) if config.decoder_mixer is Mixer.ATTENTION else ()
    if not config.is_language_model:
        attentions = (*attentions, "cross_attention")
    for i in range(config.decoder_layers):
        yield f"decoder.layers.{i}", attentions


def has_ssru(config: ModelConfig, layer: str) -> bool:
    """Whether that layer, say decoder.layers.0, has an SSRU in place of self-attention."""
    return config.decoder_mixer is Mixer.SSRU and layer.startswith("decoder.")


def _polynomial(name: str, config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    if config.attention is AttentionFunction.POLYNOMIAL:
        count = config.attention_heads if config.polynomial_sharing is PolynomialSharing.HEAD else 1
        if config.polynomial_bias:
            yield f"{name}.bias", (count,)
        if config.polynomial_delta:
            yield f"{name}.delta", (count,)


def _norm(name: str, config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (config.d_model,)
    if config.norm_function is not NormFunction.RMS:
        yield f"{name}.bias", (config.d_model,)


def tensors(
    config: ModelConfig, scheme: Scheme, float_weights: frozenset[str] = frozenset()
) -> list[TensorSpec]:
    """Every tensor of the model file under a scheme, sorted by name.

    ``float_weights``: the matrices that the model's quantization plan leaves in floating point.
    """
    if scheme is Scheme.INTEGER:
        return sorted(integer_tensors(config), key=lambda tensor: tensor.name)
    found = [TensorSpec(name, shape, _FLOAT) for name, shape in float_shapes(config)]
    for name, shape in weight_shapes(config):
        if scheme is Scheme.NONE or name in float_weights:
            found.append(TensorSpec(name, shape, _FLOAT))
        else:
            found.append(TensorSpec(name, shape, (DType.I8,), WEIGHT_LIMITS))
            found.append(TensorSpec(f"{name}_scale", shape[:1], (DType.F32,)))
    return sorted(found, key=lambda tensor: tensor.name)


def integer_tensors(config: ModelConfig) -> Iterator[TensorSpec]:
    """Every tensor of the scheme ``integer``: integers only (docs/numerics.md, "Integer precision").

    Polynomials are always stated for every head, whatever the configuration shares or leaves out.
    """
    d = config.d_model
    for name, shape in weight_shapes(config):
        yield TensorSpec(name, shape, (DType.I8,), WEIGHT_LIMITS)
    for side, tokens in _stacks(config):
        yield from _factors(f"{side}.embedding", tokens, EMBEDDING_SHIFT_LIMITS)
        if config.positions is Positions.LEARNED:
            shape = (config.max_positions + config.position_offset, d)
            yield TensorSpec(f"{side}.positions.weight", shape, (DType.I16,), POSITION_LIMITS)
        yield from _integer_norm(f"{side}.norm", d)
    for layer, attentions in _layers(config):
        for attention in attentions:
            for projection in ("query", "key", "value", "output"):
                yield from _integer_product(f"{layer}.{attention}.{projection}", d)
            yield from _integer_attention(f"{layer}.{attention}", config.attention_heads)
            yield from _integer_norm(f"{layer}.{attention}.norm", d)
        yield from _integer_product(f"{layer}.feed_forward.inner", config.ffn_dim)
        yield from _integer_product(f"{layer}.feed_forward.outer", d)
        yield from _integer_norm(f"{layer}.feed_forward.norm", d)
    yield from _factors("output", config.target_vocab_size, PRODUCT_SHIFT_LIMITS)
    if config.output_bias:
        yield TensorSpec("output.bias", (config.target_vocab_size,), (DType.I32,))


def _factors(name: str, count: int, shifts: Limits) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.multiplier", (count,), (DType.I32, DType.I16), MANTISSA_LIMITS)
    yield TensorSpec(f"{name}.shift", (count,), (DType.I8,), shifts)


def _integer_product(name: str, channels: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.bias", (channels,), (DType.I32,))
    yield from _factors(name, channels, PRODUCT_SHIFT_LIMITS)


def _integer_norm(name: str, d: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (d,), (DType.I16,), norm_weight_limits(d))
    yield TensorSpec(f"{name}.bias", (d,), (DType.I32,), NORM_BIAS_LIMITS)
    yield TensorSpec(f"{name}.shift", (1,), (DType.I8,), NORM_SHIFT_LIMITS)


def _integer_attention(name: str, heads: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.polynomial.bias", (heads,), (DType.I32,), POLYNOMIAL_BIAS_LIMITS)
    yield TensorSpec(f"{name}.polynomial.delta", (heads,), (DType.I32,), (0, MANTISSA_LIMITS[1]))
    yield TensorSpec(f"{name}.polynomial.delta_shift", (heads,), (DType.I8,), DELTA_SHIFT_LIMITS)
    yield TensorSpec(f"{name}.context_multiplier", (heads,), (DType.I32,), MANTISSA_LIMITS)
    yield TensorSpec(f"{name}.context_exponent", (heads,), (DType.I8,), CONTEXT_EXPONENT_LIMITS)


def output_weight_name(config: ModelConfig) -> str:
    """The tensor that the output projection multiplies by (an embedding, when tied)."""
    return target_embedding_name(config) if config.tied_output else "output.weight"


def target_embedding_name(config: ModelConfig) -> str:
    """The decoder's embedding tensor (the encoder's, when shared)."""
    return "encoder.embedding.weight" if config.shared_embeddings else "decoder.embedding.weight"

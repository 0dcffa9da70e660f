"""The tensors of a model: their names, shapes and element types.

Everything that reads or writes a model's tensors agrees here, and here on what a model consists of.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import Final

from octavo.model.architecture import architecture, weight_products
from octavo.model.config import ModelConfig
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
from octavo.model.sublayers import TensorKind


class DType(enum.StrEnum):
    """Element types on disk, in safetensors' own names."""

    F32 = "F32"
    F16 = "F16"
    I8 = "I8"
    I16 = "I16"
    I32 = "I32"


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of the model file: its name, what it is, its shape and the element types it may have.

    ``limits``: the smallest and the largest of its integers; None where its type alone limits them. Of two
    types the second is a shorter form of the first: F16 of F32, and I16 the upper half of I32.
    """

    name: str
    kind: TensorKind
    shape: tuple[int, ...]
    dtypes: tuple[DType, ...]
    limits: Limits | None = None


DELTA_LIMITS: Final = (0, MANTISSA_LIMITS[1])
_FLOAT: Final = (DType.F32, DType.F16)


def weight_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, int]]]:
    """Matrices that quantization may store as int8: embeddings and products, (rows, columns).

    A product's weight is (output channels, input channels); an embedding's (tokens, d_model).
    """
    for tensor in architecture(config).tensors:
        if tensor.kind.is_matrix:
            rows, columns = tensor.shape
            yield tensor.name, (rows, columns)


def float_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Tensors that stay in floating point: all others."""
    for tensor in architecture(config).tensors:
        if not tensor.kind.is_matrix:
            yield tensor.name, tensor.shape


def tensors(
    config: ModelConfig, scheme: Scheme, float_weights: frozenset[str] = frozenset()
) -> list[TensorSpec]:
    """Every tensor of the model file under a scheme, sorted by name.

    ``float_weights``: the matrices that the model's quantization plan leaves in floating point.
    """
    if scheme is Scheme.INTEGER:
        return sorted(integer_tensors(config), key=lambda tensor: tensor.name)
    found: list[TensorSpec] = []
    for tensor in architecture(config).tensors:
        name, kind, shape = tensor.name, tensor.kind, tensor.shape
        if scheme is Scheme.NONE or not kind.is_matrix or name in float_weights:
            found.append(TensorSpec(name, kind, shape, _FLOAT))
        else:
            found.append(TensorSpec(name, kind, shape, (DType.I8,), WEIGHT_LIMITS))
            found.append(TensorSpec(f"{name}_scale", TensorKind.SCALE, shape[:1], (DType.F32,)))
    return sorted(found, key=lambda tensor: tensor.name)


def integer_tensors(config: ModelConfig) -> Iterator[TensorSpec]:
    """Every tensor of the scheme ``integer``: integers only (docs/numerics.md, "Integer precision").

    Polynomials are always stated for every head, whatever the configuration shares or leaves out.
    """
    d, whole = config.d_model, architecture(config)
    for tensor in whole.tensors:
        if tensor.kind.is_matrix:
            yield TensorSpec(tensor.name, tensor.kind, tensor.shape, (DType.I8,), WEIGHT_LIMITS)
        elif tensor.kind is TensorKind.POSITIONS:
            yield TensorSpec(tensor.name, tensor.kind, tensor.shape, (DType.I16,), POSITION_LIMITS)
        elif tensor.kind is TensorKind.BIAS:
            yield TensorSpec(tensor.name, tensor.kind, tensor.shape, (DType.I32,))
    for stack in whole.stacks:
        yield from _factors(f"{stack.name}.embedding", stack.embedding.shape[0], EMBEDDING_SHIFT_LIMITS)
        yield from _integer_norm(f"{stack.name}.norm", d)
    for product in weight_products(config):
        yield from _factors(product.name, product.weight.shape[0], PRODUCT_SHIFT_LIMITS)
    for sublayer in whole.sublayers:
        yield from _integer_norm(sublayer.norm, d)
        if sublayer.kind.is_attention:
            yield from _integer_attention(sublayer.name, config.attention_heads)


def _factors(name: str, count: int, shifts: Limits) -> Iterator[TensorSpec]:
    types = (DType.I32, DType.I16)
    yield TensorSpec(f"{name}.multiplier", TensorKind.MULTIPLIER, (count,), types, MANTISSA_LIMITS)
    yield TensorSpec(f"{name}.shift", TensorKind.SHIFT, (count,), (DType.I8,), shifts)


def _integer_norm(name: str, d: int) -> Iterator[TensorSpec]:
    weight = norm_weight_limits(d)
    yield TensorSpec(f"{name}.weight", TensorKind.NORM_WEIGHT, (d,), (DType.I16,), weight)
    yield TensorSpec(f"{name}.bias", TensorKind.NORM_BIAS, (d,), (DType.I32,), NORM_BIAS_LIMITS)
    yield TensorSpec(f"{name}.shift", TensorKind.SHIFT, (1,), (DType.I8,), NORM_SHIFT_LIMITS)


def _integer_attention(name: str, heads: int) -> Iterator[TensorSpec]:
    for part, kind, dtype, limits in (
        ("polynomial.bias", TensorKind.POLYNOMIAL, DType.I32, POLYNOMIAL_BIAS_LIMITS),
        ("polynomial.delta", TensorKind.POLYNOMIAL, DType.I32, DELTA_LIMITS),
        ("polynomial.delta_shift", TensorKind.SHIFT, DType.I8, DELTA_SHIFT_LIMITS),
        ("context_multiplier", TensorKind.MULTIPLIER, DType.I32, MANTISSA_LIMITS),
        ("context_exponent", TensorKind.SHIFT, DType.I8, CONTEXT_EXPONENT_LIMITS),
    ):
        yield TensorSpec(f"{name}.{part}", kind, (heads,), (dtype,), limits)

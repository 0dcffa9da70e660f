"""Dynamic integer arithmetic: the paper's form (Lin et al. 2020, algorithm 1).

Integers of 8 bits, the residual stream of more, each tensor with its scales beside it; what leaves 8 bits is
re-scaled from its own maximum.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.artifact.positions import position_table
from octavo.errors import QuantizationError
from octavo.integer.arithmetic import (
    TokenArray,
    check_runs_in_integers,
    join_heads,
    split_heads,
    visible_keys,
)
from octavo.model.architecture import OUTPUT, embedding_name, output_weight_name
from octavo.model.config import Positions
from octavo.model.scheme import Scheme
from octavo.quantization.tensor_model import TensorSource
from octavo.scale_propagation import (
    INT8_LEVELS,
    INT16_LEVELS,
    INT32_LIMIT,
    UINT8_LEVELS,
    L1NormParameters,
    Polynomial,
    Scale,
    ScaledTensor,
    add,
    concatenate,
    l1_layer_norm,
    match_along,
    matmul,
    multiply_real,
    polynomial_attention,
    quantize,
    quantize_norm_parameters,
    relu,
    rescale_dynamic,
)

_BIAS_LEVELS: Final = (1 << 30) - 1  # so fine that a sum is never matched to it
_SMALLEST_DELTA: Final = 2.0**-100


@dataclasses.dataclass(frozen=True, slots=True)
class DynamicForm:
    """What the paper leaves open. ``residual_bits``: 8, 16 or 32, of which L1 norm leaves 31 - log2(2 d).

    ``scale_per_row``: activations have a scale for each token, else one for each sentence.
    ``scale_per_channel``: weights have one for each output channel (embeddings: row), else one in all.
    Raises QuantizationError for other bits.
    """

    residual_bits: int = 16
    scale_per_row: bool = True
    scale_per_channel: bool = True

    def __post_init__(self) -> None:
        if self.residual_bits not in (8, 16, 32):
            raise QuantizationError(f"residual_bits = {self.residual_bits}: it is 8, 16 or 32")

    def stream_levels(self, d_model: int) -> int:
        """The largest integer of a residual stream of that width."""
        widest = INT32_LIMIT // (2 * d_model)
        return min(widest, {8: INT8_LEVELS, 16: INT16_LEVELS, 32: widest}[self.residual_bits])


class DynamicArithmetic:
    """Integers with their scales, on the tensors of a float Integer Transformer, which are quantized here.

    Raises QuantizationError for a model that does not run in integers.
    """

    def __init__(self, model: TensorSource, form: DynamicForm | None = None) -> None:
        check_runs_in_integers(model.config)
        if model.scheme is not Scheme.NONE:
            raise QuantizationError(
                f"the model is of scheme {model.scheme}; the dynamic form takes a float one"
            )
        self.config = model.config
        self._model = model
        self._form = form or DynamicForm()
        self._stream_levels = self._form.stream_levels(model.config.d_model)
        self._reals: dict[str, npt.NDArray[np.float64]] = {}
        self._weights: dict[str, ScaledTensor] = {}
        self._biases: dict[str, ScaledTensor | None] = {}
        self._norms: dict[str, L1NormParameters] = {}

    def embed(self, stack: str, tokens: TokenArray, first: int = 0) -> ScaledTensor:
        """The token's row times sqrt(d_model) and the position's, both re-scaled, by the rule of sums."""
        table = self._weight(embedding_name(self.config, stack))
        scale = table.scale.rearranged(lambda part: part[tokens] if len(part) > 1 else part[None])
        rows = ScaledTensor(table.integers[tokens], scale, table.limit)
        factor = math.sqrt(self.config.d_model) if self.config.scale_embeddings else 1.0
        first += self.config.position_offset
        positions = self._positions(stack)[None, first : first + tokens.shape[1]]
        position = quantize(positions, self._stream_levels, self._axes)
        return self._stream(add(self._stream(multiply_real(rows, Scale.of(factor))), position, where=stack))

    def norm(self, name: str, stream: ScaledTensor) -> ScaledTensor:
        """L1 norm, re-scaled to int8."""
        if name not in self._norms:
            gain, bias = self._real(f"{name}.weight"), self._real(f"{name}.bias")
            self._norms[name] = quantize_norm_parameters(gain, bias)
        return self._rescaled(l1_layer_norm(stream, self._norms[name], where=name), INT8_LEVELS)

    def project(self, name: str, x: ScaledTensor) -> ScaledTensor:
        """The product, re-scaled to int8."""
        return self._rescaled(self._product(name, x), INT8_LEVELS)

    def attention(
        self, name: str, query: ScaledTensor, key: ScaledTensor, value: ScaledTensor, *, causal: bool
    ) -> ScaledTensor:
        """Polynomial attention, re-scaled to int8.

        Keys are matched to the smallest scale among them, so a query must not be given those it cannot see.
        """
        q, k, v = (self._heads(x) for x in (query, key, value))
        if causal and self._form.scale_per_row:
            steps = range(query.shape[-2])
            context = concatenate(
                [self._attend(name, _row(q, t), _rows_to(k, t), _rows_to(v, t)) for t in steps], -2
            )
        else:
            context = self._attend(name, q, k, v, causal=causal)
        scale = context.scale.rearranged(lambda part: part[:, 0])  # heads share their row's scale
        joined = ScaledTensor(join_heads(context.integers), scale, context.limit)
        return self._rescaled(joined, INT8_LEVELS)

    def hidden(self, name: str, x: ScaledTensor) -> ScaledTensor:
        """The product, ReLU, re-scaled to 8 bits without a sign."""
        return self._rescaled(relu(self._product(name, x)), UINT8_LEVELS)

    def add_product(self, name: str, x: ScaledTensor, stream: ScaledTensor) -> ScaledTensor:
        """The product re-scaled to the stream's bits, the rule of sums, re-scaled again."""
        return self._stream(add(stream, self._stream(self._product(name, x)), where=name))

    def logits(self, x: ScaledTensor) -> ScaledTensor:
        """The product as it is: the search de-quantizes it."""
        return self._product(OUTPUT, x)

    def _attend(
        self, name: str, q: ScaledTensor, k: ScaledTensor, v: ScaledTensor, *, causal: bool = False
    ) -> ScaledTensor:
        visible = visible_keys(q.shape[-2], k.shape[-2], causal=causal)
        return polynomial_attention(q, k, v, self._polynomial(name), visible, where=name)

    def append(self, x: ScaledTensor, more: ScaledTensor) -> ScaledTensor:
        """The tokens of x, then those of ``more``, each row with its scale."""
        parts = [(y.scale.mantissa, y.scale.exponent, (*y.shape[:2], 1)) for y in (x, more)]
        mantissa = np.concatenate([np.broadcast_to(m, shape) for m, _, shape in parts], axis=1)
        exponent = np.concatenate([np.broadcast_to(e, shape) for _, e, shape in parts], axis=1)
        integers = np.concatenate([x.integers, more.integers], axis=1)
        return ScaledTensor(integers, Scale(mantissa, exponent), max(x.limit, more.limit))

    def select(self, x: ScaledTensor, sentences: TokenArray) -> ScaledTensor:
        """Sentences of a batch, in that order."""
        scale = x.scale.rearranged(lambda part: part[sentences])
        return ScaledTensor(x.integers[sentences], scale, x.limit)

    @property
    def _axes(self) -> int | tuple[int, int]:
        """What shares a scale: a row, or the rows of a sentence."""
        return -1 if self._form.scale_per_row else (-2, -1)

    def _rescaled(self, x: ScaledTensor, levels: int) -> ScaledTensor:
        matched = match_along(x, -1)
        if not self._form.scale_per_row:
            matched = match_along(matched, -2)
        return rescale_dynamic(matched, levels, self._axes)

    def _stream(self, x: ScaledTensor) -> ScaledTensor:
        return self._rescaled(x, self._stream_levels)

    def _product(self, name: str, x: ScaledTensor) -> ScaledTensor:
        tensor = output_weight_name(self.config) if name == OUTPUT else f"{name}.weight"
        weight = self._weight(tensor)
        transposed = ScaledTensor(
            weight.integers.T, weight.scale.rearranged(lambda part: part.T), weight.limit
        )
        sums = matmul(x, transposed, where=name)
        bias = (
            None if name == OUTPUT and not self.config.output_bias else self._bias(f"{name}.bias", (1, 1, -1))
        )
        return sums if bias is None else add(sums, bias, where=name)

    def _weight(self, tensor: str) -> ScaledTensor:
        """A matrix in int8: [rows, columns] with scales [rows, 1], or [1, 1]."""
        if tensor not in self._weights:
            axes = -1 if self._form.scale_per_channel else None
            self._weights[tensor] = quantize(self._real(tensor), INT8_LEVELS, axes)
        return self._weights[tensor]

    def _bias(self, tensor: str, shape: tuple[int, ...]) -> ScaledTensor | None:
        """A vector in int32; None for zeros, which would have no scale."""
        if tensor not in self._biases:
            real = self._real(tensor).reshape(shape)
            self._biases[tensor] = quantize(real, _BIAS_LEVELS) if real.any() else None
        return self._biases[tensor]

    def _polynomial(self, name: str) -> Polynomial:
        shape = (1, -1, 1, 1)
        config, tensor = self.config, f"{name}.polynomial"
        bias = self._bias(f"{tensor}.bias", shape) if config.polynomial_bias else None
        if not config.polynomial_delta:
            return Polynomial(config.polynomial_degree, bias)
        delta = np.maximum(np.abs(self._real(f"{tensor}.delta")), _SMALLEST_DELTA)
        return Polynomial(config.polynomial_degree, bias, Scale.of(delta.reshape(shape)))

    def _heads(self, x: ScaledTensor) -> ScaledTensor:
        """[B, T, d_model] as [B, heads, T, head_dim]; the heads share their row's scale."""

        return ScaledTensor(
            split_heads(self.config, x.integers), x.scale.rearranged(lambda part: part[:, None]), x.limit
        )

    def _positions(self, stack: str) -> npt.NDArray[np.float64]:
        if self.config.positions is Positions.LEARNED:
            return self._real(f"{stack}.positions.weight")
        if "positions" not in self._reals:
            self._reals["positions"] = position_table(self.config).astype(np.float64)
        return self._reals["positions"]

    def _real(self, name: str) -> npt.NDArray[np.float64]:
        if name not in self._reals:
            self._reals[name] = self._model.tensor(name).astype(np.float64)
        return self._reals[name]


def _row(x: ScaledTensor, t: int) -> ScaledTensor:
    """Row t of [B, heads, T, head_dim] whose rows have scales of their own."""
    scale = x.scale.rearranged(lambda part: part[..., t : t + 1, :])
    return ScaledTensor(x.integers[..., t : t + 1, :], scale, x.limit)


def _rows_to(x: ScaledTensor, t: int) -> ScaledTensor:
    """Rows 0 to t."""
    scale = x.scale.rearranged(lambda part: part[..., : t + 1, :])
    return ScaledTensor(x.integers[..., : t + 1, :], scale, x.limit)

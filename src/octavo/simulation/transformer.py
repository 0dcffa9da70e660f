"""A whole model in numpy, bit for bit as docs/numerics.md writes it: the oracle of the int8 engine.

It is teacher-forced and runs one sentence at a time, without cache or batch. It shares no code with the
engine.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.artifact.positions import position_table
from octavo.errors import QuantizationError
from octavo.model.architecture import architecture, embedding_name, weight_products
from octavo.model.config import Activation, Mixer, NormFunction, NormPlacement, Positions
from octavo.model.sublayers import WeightProduct
from octavo.quantization.activations import QuantizedActivation, quantize_activation
from octavo.quantization.arrays import Float32Array
from octavo.quantization.tensor_model import TensorSource, check_ordinary
from octavo.simulation import attention, binary32
from octavo.simulation.binary32 import fma
from octavo.simulation.relative_positions import relative_bias

_ACTIVATIONS: Final[dict[Activation, Callable[[Float32Array], Float32Array]]] = {
    Activation.RELU: binary32.relu,
    Activation.GELU: binary32.gelu,
    Activation.GELU_TANH: binary32.gelu_tanh,
    Activation.SILU: binary32.silu,
}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Int8Product:
    """One int8 weight product: input u8 [M, K], row_scale [M], accumulators int32 [M, N].

    ``name`` is that of ``octavo.model``. The accumulators are sums of (q - z) * w, the input's zero point
    removed. A static input has the same row_scale in every row.
    """

    name: str
    input: npt.NDArray[np.uint8]
    row_scale: Float32Array
    accumulators: npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class SimulationResult:
    """Logits [len(target) + 1, target vocabulary]; int8 weight products in the order computed."""

    logits: Float32Array
    products: tuple[Int8Product, ...]


class Simulation:
    """Runs a model by its plan (None: all of it in float32). Raises QuantizationError for an Integer
    Transformer."""

    def __init__(self, model: TensorSource) -> None:
        check_ordinary(model.config)
        self._model = model
        learned = model.config.positions is Positions.LEARNED
        self._positions = None if learned else position_table(model.config)

    def run(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> SimulationResult:
        """Logits after decoder_start_id and after each target token; source_ids come without EOS, and a
        language model has none.

        Raises QuantizationError for an empty source, an unknown token or more tokens than positions.
        """
        config = self._model.config
        target = [config.decoder_start_id, *target_ids]
        _check_tokens("target", target, config.target_vocab_size, config.max_positions)
        forward = _ForwardPass(self._model, self._positions)
        memory = None if config.is_language_model else forward.encode(self._source(source_ids))
        if memory is None and source_ids:
            raise QuantizationError("source: a language model has none; give it no source tokens")
        logits = forward.logits(forward.decode(memory, target))
        return SimulationResult(logits, tuple(forward.products))

    def _source(self, ids: Sequence[int]) -> list[int]:
        config = self._model.config
        source = [*ids, config.eos_id] if config.source_eos else list(ids)
        _check_tokens("source", source, config.source_vocab_size, config.max_positions)
        return source


def _check_tokens(side: str, tokens: Sequence[int], vocab_size: int, max_positions: int) -> None:
    if not 0 < len(tokens) <= max_positions:
        raise QuantizationError(f"{side}: {len(tokens)} tokens; the model takes 1 to {max_positions}")
    for token in tokens:
        if not 0 <= token < vocab_size:
            raise QuantizationError(f"{side}: token {token} lies outside the vocabulary of {vocab_size}")


class _ForwardPass:
    """One sentence through the model, collecting its products."""

    def __init__(self, model: TensorSource, positions: Float32Array | None) -> None:
        self.products: list[Int8Product] = []
        self._model = model
        self._config = model.config
        self._positions = positions
        self._plan = model.plan
        self._float_weights = model.plan.float_weights(model.config) if model.plan else frozenset[str]()
        self._weight_products = {product.name: product for product in weight_products(model.config)}

    def encode(self, source: list[int]) -> Float32Array:
        """Encoder output [S, d_model]."""
        x = self._embed("encoder", source)
        for i in range(self._config.encoder_layers):
            layer = f"encoder.layers.{i}"
            x = self._sublayer(f"{layer}.self_attention", x, self._self_attention)
            x = self._sublayer(f"{layer}.feed_forward", x, self._feed_forward)
        return self._stack_norm("encoder", x)

    def decode(self, memory: Float32Array | None, target: list[int]) -> Float32Array:
        """Decoder output [T, d_model], row t having seen tokens 0 to t; no memory: a language model."""
        x = self._embed("decoder", target)
        for i in range(self._config.decoder_layers):
            layer = f"decoder.layers.{i}"
            if self._config.decoder_mixer is Mixer.SSRU:
                x = self._sublayer(f"{layer}.ssru", x, self._ssru)
            else:
                x = self._sublayer(f"{layer}.self_attention", x, self._causal_self_attention)
            if memory is not None:
                cross_attention = functools.partial(self._attention, memory=memory, causal=False)
                x = self._sublayer(f"{layer}.cross_attention", x, cross_attention)
            x = self._sublayer(f"{layer}.feed_forward", x, self._feed_forward)
        return self._stack_norm("decoder", x)

    def logits(self, x: Float32Array) -> Float32Array:
        """Output projection [T, V] of the decoder's output."""
        return self._product(architecture(self._config).output, x)

    def _embed(self, side: str, tokens: list[int]) -> Float32Array:
        table = embedding_name(self._config, side)
        scale = np.float32(np.sqrt(self._config.d_model)) if self._config.scale_embeddings else np.float32(1)
        x = fma(self._embedding_rows(table, tokens), scale, self._position_rows(side, len(tokens)))
        return self._norm(f"{side}.embedding_norm", x) if self._config.embedding_norm else x

    def _embedding_rows(self, table: str, tokens: list[int]) -> Float32Array:
        rows = self._model.tensor(table)[tokens].astype(np.float32)
        if self._plan is None or table in self._float_weights:
            return rows
        return rows * self._float(f"{table}_scale")[tokens][:, None]

    def _position_rows(self, side: str, count: int) -> Float32Array:
        table = self._float(f"{side}.positions.weight") if self._positions is None else self._positions
        first = self._config.position_offset
        return table[first : first + count]

    def _sublayer(
        self, name: str, x: Float32Array, sublayer: Callable[[str, Float32Array, Float32Array], Float32Array]
    ) -> Float32Array:
        """The sublayer with its norm and residual; ``sublayer`` adds the residual in its last product."""
        if self._config.norm is NormPlacement.PRE:
            return sublayer(name, self._norm(f"{name}.norm", x), x)
        return self._norm(f"{name}.norm", sublayer(name, x, x))

    def _stack_norm(self, side: str, x: Float32Array) -> Float32Array:
        return self._norm(f"{side}.norm", x) if self._config.norm is NormPlacement.PRE else x

    def _norm(self, name: str, x: Float32Array) -> Float32Array:
        weight, epsilon = self._float(f"{name}.weight"), self._config.layer_norm_epsilon
        if self._config.norm_function is NormFunction.RMS:
            return binary32.rms_norm(x, weight, epsilon)
        return binary32.layer_norm(x, weight, self._float(f"{name}.bias"), epsilon)

    def _self_attention(self, name: str, x: Float32Array, residual: Float32Array) -> Float32Array:
        bias = self._relative_bias("encoder", len(x))
        return self._attention(name, x, residual, memory=x, causal=False, bias=bias)

    def _causal_self_attention(self, name: str, x: Float32Array, residual: Float32Array) -> Float32Array:
        bias = self._relative_bias("decoder", len(x))
        return self._attention(name, x, residual, memory=x, causal=True, bias=bias)

    def _relative_bias(self, stack: str, rows: int) -> Float32Array | None:
        if not self._config.relative_buckets:
            return None
        table = self._float(f"{stack}.relative_bias")
        return relative_bias(self._config, table, rows, bidirectional=stack == "encoder")

    def _attention(
        self,
        name: str,
        x: Float32Array,
        residual: Float32Array,
        *,
        memory: Float32Array,
        causal: bool,
        bias: Float32Array | None = None,
    ) -> Float32Array:
        query = self._heads(self._linear(f"{name}.query", x))
        key = self._heads(self._linear(f"{name}.key", memory))
        value = self._heads(self._linear(f"{name}.value", memory))
        scores = attention.scores_of(self._plan, name, query, key)
        mix = attention.context_of(self._plan, name, value)
        context = np.empty((len(x), self._config.attention_width), np.float32)
        for t in range(len(x)):
            seen = t + 1 if causal else len(memory)
            s = scores(t, seen) if bias is None else scores(t, seen) + bias[:, t, :seen]
            context[t] = mix(binary32.exp(s - s.max(axis=-1, keepdims=True))).reshape(-1)
        return self._linear(f"{name}.output", context) + residual

    def _heads(self, x: Float32Array) -> Float32Array:
        """[rows, heads * head_dim] as [heads, rows, head_dim]."""
        return x.reshape(len(x), self._config.attention_heads, self._config.head_dim).swapaxes(0, 1)

    def _ssru(self, name: str, x: Float32Array, residual: Float32Array) -> Float32Array:
        candidate = self._linear(f"{name}.candidate", x)
        forget = binary32.sigmoid(self._linear(f"{name}.forget", x))
        added = (np.float32(1) - forget) * candidate
        states = np.empty_like(x)
        c = np.zeros(x.shape[1], np.float32)
        for t in range(len(x)):
            states[t] = c = fma(forget[t], c, added[t])
        return binary32.relu(states) + residual

    def _feed_forward(self, name: str, x: Float32Array, residual: Float32Array) -> Float32Array:
        activation = _ACTIVATIONS[self._config.activation]
        if self._config.gated:
            gate = activation(self._linear(f"{name}.gate", x))
            hidden = self._linear(f"{name}.inner", x) * gate
        else:
            hidden = activation(self._linear(f"{name}.inner", x))
        return self._linear(f"{name}.outer", hidden) + residual

    def _linear(self, name: str, x: Float32Array) -> Float32Array:
        return self._product(self._weight_products[name], x)

    def _product(self, product: WeightProduct, x: Float32Array) -> Float32Array:
        name, matrix = product.name, self._model.tensor(product.weight.name)
        bias = self._float(product.bias.name) if product.bias else None
        if self._plan is None or name in self._plan.float32:
            total = binary32.chain(x.T[:, :, None], matrix.astype(np.float32).T[:, None, :])
            return total if bias is None else total + bias
        quantized = quantize_activation(x, self._plan.inputs[product.site])
        accumulators = _accumulate(quantized, matrix)
        self.products.append(Int8Product(name, quantized.values, quantized.row_scale, accumulators))
        scale = quantized.row_scale[:, None] * self._float(f"{product.weight.name}_scale")
        return fma(accumulators.astype(np.float32), scale, np.float32(0) if bias is None else bias)

    def _float(self, name: str) -> Float32Array:
        return self._model.tensor(name).astype(np.float32, copy=False)


def _accumulate(x: QuantizedActivation, weight: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
    """Integer product [M, N] of [M, K] and [N, K]; exact in binary64, every partial sum being below 2^53."""
    return (x.signed().astype(np.float64) @ weight.astype(np.float64).T).astype(np.int32)

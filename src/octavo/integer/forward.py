"""The forward pass of an Integer Transformer (Lin et al. 2020), over any arithmetic."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, Generic

import numpy as np

from octavo.errors import QuantizationError
from octavo.integer.arithmetic import Arithmetic, TokenArray, Value
from octavo.model.config import ModelConfig

_PROJECTIONS: Final = ("query", "key", "value")


@dataclasses.dataclass(slots=True, eq=False)
class KeyValueCache(Generic[Value]):
    """The keys and values of B sentences, for every decoder layer: ``sources`` those of the source (none in
    a language model), ``own`` those of the ``length`` target tokens so far."""

    arithmetic: Arithmetic[Value]
    sources: list[tuple[Value, Value]]
    own: list[tuple[Value, Value]] = dataclasses.field(default_factory=list)
    length: int = 0

    def extended(self, layer: int, key: Value, value: Value) -> tuple[Value, Value]:
        """Append those of the next token to a layer's own keys and values, and return all of them."""
        if self.length == 0:
            self.own.append((key, value))
        else:
            keys, values = self.own[layer]
            self.own[layer] = self.arithmetic.append(keys, key), self.arithmetic.append(values, value)
        return self.own[layer]

    def select(self, sentences: TokenArray) -> None:
        """Keep these sentences, any of them several times."""
        for kept in (self.sources, self.own):
            kept[:] = [
                (self.arithmetic.select(keys, sentences), self.arithmetic.select(values, sentences))
                for keys, values in kept
            ]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ForwardPass(Generic[Value]):
    """The model over an arithmetic. It is pre-norm: every sublayer reads the normed stream and adds to it.

    Sentences of a batch have equal lengths, S source tokens and T target tokens.
    """

    config: ModelConfig
    arithmetic: Arithmetic[Value]

    def encode(self, source: TokenArray) -> Value:
        """Source tokens [B, S], EOS among them, to memory [B, S, d_model]."""
        x = self.arithmetic.embed("encoder", source)
        for i in range(self.config.encoder_layers):
            layer = f"encoder.layers.{i}"
            x = self._self_attention(f"{layer}.self_attention", x, causal=False)
            x = self._feed_forward(f"{layer}.feed_forward", x)
        return self.arithmetic.norm("encoder.norm", x)

    def decode(self, memory: Value | None, target: TokenArray) -> Value:
        """Decoder input [B, T], decoder_start_id first, to states [B, T, d_model].

        ``memory`` is the encoder's; None in a language model.
        """
        x = self.arithmetic.embed("decoder", target)
        for i in range(self.config.decoder_layers):
            layer = f"decoder.layers.{i}"
            x = self._self_attention(f"{layer}.self_attention", x, causal=True)
            if memory is not None:
                x = self._cross_attention(f"{layer}.cross_attention", x, memory)
            x = self._feed_forward(f"{layer}.feed_forward", x)
        return self.arithmetic.norm("decoder.norm", x)

    def logits(self, source: TokenArray, target: TokenArray) -> Value:
        """Teacher-forced logits [B, T, vocabulary]. A language model does not read ``source``."""
        memory = None if self.config.is_language_model else self.encode(source)
        return self.arithmetic.logits(self.decode(memory, target))

    def forced(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> Value:
        """Teacher-forced logits [1, len(target) + 1, vocabulary] of one sentence, given without EOS.

        Raises QuantizationError for an empty source, an unknown token or more tokens than positions.
        """
        return self.logits(source_tokens(self.config, source_ids), target_tokens(self.config, target_ids))

    def start(self, source: TokenArray) -> KeyValueCache[Value]:
        """The cache before the first token of each sentence [B, S]. A language model does not read them."""
        if self.config.is_language_model:
            return KeyValueCache(self.arithmetic, [])
        memory = self.encode(source)
        attentions = (f"decoder.layers.{i}.cross_attention" for i in range(self.config.decoder_layers))
        sources = [
            (self.arithmetic.project(f"{name}.key", memory), self.arithmetic.project(f"{name}.value", memory))
            for name in attentions
        ]
        return KeyValueCache(self.arithmetic, sources)

    def step(self, tokens: TokenArray, cache: KeyValueCache[Value]) -> Value:
        """Feed every sentence's next token [B]; the logits [B, 1, vocabulary] after it. Extends ``cache``.

        The integers are those of ``decode``, whose query t sees the keys of tokens 0 to t alone.
        """
        x = self.arithmetic.embed("decoder", tokens[:, None], cache.length)
        for i in range(self.config.decoder_layers):
            name = f"decoder.layers.{i}.self_attention"
            y = self.arithmetic.norm(f"{name}.norm", x)
            query, key, value = (self.arithmetic.project(f"{name}.{part}", y) for part in _PROJECTIONS)
            x = self._mixed(name, x, query, cache.extended(i, key, value), causal=False)
            if cache.sources:
                name = f"decoder.layers.{i}.cross_attention"
                query = self.arithmetic.project(f"{name}.query", self.arithmetic.norm(f"{name}.norm", x))
                x = self._mixed(name, x, query, cache.sources[i], causal=False)
            x = self._feed_forward(f"decoder.layers.{i}.feed_forward", x)
        cache.length += 1
        return self.arithmetic.logits(self.arithmetic.norm("decoder.norm", x))

    def _self_attention(self, name: str, x: Value, *, causal: bool) -> Value:
        y = self.arithmetic.norm(f"{name}.norm", x)
        return self._attention(name, x, y, y, causal=causal)

    def _cross_attention(self, name: str, x: Value, memory: Value) -> Value:
        y = self.arithmetic.norm(f"{name}.norm", x)
        return self._attention(name, x, y, memory, causal=False)

    def _attention(self, name: str, x: Value, y: Value, memory: Value, *, causal: bool) -> Value:
        query = self.arithmetic.project(f"{name}.query", y)
        key = self.arithmetic.project(f"{name}.key", memory)
        value = self.arithmetic.project(f"{name}.value", memory)
        return self._mixed(name, x, query, (key, value), causal=causal)

    def _mixed(
        self, name: str, x: Value, query: Value, keys_values: tuple[Value, Value], *, causal: bool
    ) -> Value:
        context = self.arithmetic.attention(name, query, *keys_values, causal=causal)
        return self.arithmetic.add_product(f"{name}.output", context, x)

    def _feed_forward(self, name: str, x: Value) -> Value:
        y = self.arithmetic.norm(f"{name}.norm", x)
        hidden = self.arithmetic.hidden(f"{name}.inner", y)
        return self.arithmetic.add_product(f"{name}.outer", hidden, x)


def source_tokens(config: ModelConfig, ids: Sequence[int]) -> TokenArray:
    """[1, S]: the source with its EOS; [1, 0] for a language model, which has none.

    Raises QuantizationError for none, too many or unknown tokens.
    """
    if config.is_language_model:
        if len(ids):
            raise QuantizationError("source: a language model has none; give it no source tokens")
        return np.empty((1, 0), np.int64)
    tokens = [*ids, config.eos_id] if config.source_eos else list(ids)
    return _checked("source", tokens, config.source_vocab_size, config.max_positions)


def target_tokens(config: ModelConfig, ids: Sequence[int]) -> TokenArray:
    """[1, T + 1]: decoder_start_id, then the target. Raises QuantizationError as ``source_tokens``."""
    tokens = [config.decoder_start_id, *ids]
    return _checked("target", tokens, config.target_vocab_size, config.max_positions)


def _checked(side: str, tokens: list[int], vocab_size: int, max_positions: int) -> TokenArray:
    if not 0 < len(tokens) <= max_positions:
        raise QuantizationError(f"{side}: {len(tokens)} tokens; the model takes 1 to {max_positions}")
    for token in tokens:
        if not 0 <= token < vocab_size:
            raise QuantizationError(f"{side}: token {token} lies outside the vocabulary of {vocab_size}")
    return np.array([tokens], np.int64)

"""The encoder-decoder Transformer (Vaswani et al. 2017), over the whole ModelConfig space, with what makes it
an Integer Transformer (Lin et al. 2020).

This is the executable specification: the engine is compared with it. Parameter names are the tensor
names of ``octavo.model``; shared and tied tensors exist once. Shapes as in ``layers``.
"""

from __future__ import annotations

import dataclasses
from typing import cast

import torch
from torch import Tensor, nn

from octavo.model.config import ModelConfig
from octavo.reference.dropout import Dropout
from octavo.reference.initialization import reset_weights
from octavo.reference.layers import Attention, FeedForward, Output, Stack
from octavo.reference.mixers import MixerCache, MixingLayer


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.self_attention = Attention(config, dropout)
        self.feed_forward = FeedForward(config, dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, S, d]; mask [B, 1 or heads, 1 or S, S]."""
        attention = self.self_attention
        y = attention.before(x)
        x = attention.after(x, attention.attend(y, *attention.keys_values(y), mask=mask))
        out: Tensor = self.feed_forward(x)
        return out


class DecoderLayer(MixingLayer):
    """Causal self-attention or an SSRU, attention to the source, then feed-forward."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.cross_attention = Attention(config, dropout)
        self.feed_forward = FeedForward(config, dropout)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor, later: Tensor | None) -> Tensor:
        """x [B, T, d]; memory [B, S, d]; mask [B, 1, 1, S]; ``later`` masks what comes later, [T, T] or
        [heads, T, T].
        """
        x = self.mixer.look_back(x, later)
        x = self.attend_to_source(x, self.cross_attention.keys_values(memory), mask)
        out: Tensor = self.feed_forward(x)
        return out

    def attend_to_source(self, x: Tensor, source: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """The cross-attention sublayer over the source's keys and values."""
        attention = self.cross_attention
        return attention.after(x, attention.attend(attention.before(x), *source, mask=mask))


class Encoder(Stack):
    """Source tokens to memory."""

    bidirectional = True

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout, config.source_vocab_size)
        layers = nn.ModuleList(EncoderLayer(config, dropout) for _ in range(config.encoder_layers))
        self.layers = cast("list[EncoderLayer]", layers)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Embedded source [B, S, d] to memory [B, S, d]."""
        seen = self.with_positions(mask, x.shape[1], x.shape[1])
        for layer in self.layers:
            x = layer(x, seen)
        return self.finish(x)


class Decoder(Stack):
    """Target tokens and memory to states."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout, None if config.shared_embeddings else config.target_vocab_size)
        layers = nn.ModuleList(DecoderLayer(config, dropout) for _ in range(config.decoder_layers))
        self.layers = cast("list[DecoderLayer]", layers)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Embedded target [B, T, d] to states [B, T, d]; position t sees no later one."""
        count = x.shape[1]
        later = torch.ones(count, count, dtype=torch.bool, device=x.device).triu(1)
        seen = self.with_positions(later, count, count)
        for layer in self.layers:
            x = layer(x, memory, mask, seen)
        return self.finish(x)


@dataclasses.dataclass(slots=True)
class LayerCache:
    """One decoder layer while decoding: what its mixer keeps of R rows, and the source's keys and values,
    each [B, heads, S, head_dim].
    """

    own: MixerCache
    source: tuple[Tensor, Tensor]


@dataclasses.dataclass(slots=True)
class DecodingState:
    """B sentences with the same number W of rows each (R = B * W rows), after ``length`` tokens."""

    layers: list[LayerCache]
    mask: Tensor
    length: int = 0

    def select(self, sentences: Tensor, rows: Tensor) -> None:
        """Keep these sentences, and as new rows those given (indices into the old rows)."""
        all_stay = len(sentences) == len(self.mask)
        for layer in self.layers:
            layer.own.select(rows)
            if not all_stay:
                layer.source = (layer.source[0][sentences], layer.source[1][sentences])
        if not all_stay:
            self.mask = self.mask[sentences]


class Transformer(nn.Module):
    """The model. ``state_dict()`` has exactly the float tensors of ``octavo.model``."""

    def __init__(self, config: ModelConfig, dropout: Dropout | None = None) -> None:
        super().__init__()
        if config.is_language_model:
            raise ValueError("encoder_layers = 0: a language model; octavo.reference.LanguageModel is one")
        rates = dropout or Dropout()
        self.config = config
        self.encoder = Encoder(config, rates)
        self.decoder = Decoder(config, rates)
        self.output = Output(config)
        self.reset()

    def reset(self, seed: int = 0) -> None:
        """Fresh weights, as ``reset_weights`` makes them."""
        reset_weights(self, self.config, seed)

    @property
    def target_table(self) -> Tensor:
        """The decoder's embedding matrix."""
        owner = self.encoder if self.config.shared_embeddings else self.decoder
        return owner.embedding.weight

    @property
    def output_table(self) -> Tensor:
        """The output projection's matrix [V, d]."""
        return self.target_table if self.config.tied_output else self.output.weight

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Padded source [B, S] (with EOS) and lengths [B] to memory [B, S, d] and mask [B, 1, 1, S].

        A mask is true at the positions that must not be seen.
        """
        mask = (torch.arange(source.shape[1], device=source.device) >= lengths[:, None])[:, None, None, :]
        x = self.encoder.embed(source, self.encoder.embedding.weight)
        return self.encoder(x, mask), mask

    def project(self, states: Tensor) -> Tensor:
        """States [..., d] to logits [..., target_vocab_size]."""
        logits: Tensor = self.output(states, self.output_table)
        return logits

    def decode(self, target: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Decoder input [B, T] (decoder_start_id first) to states [B, T, d]."""
        out: Tensor = self.decoder(self.decoder.embed(target, self.target_table), memory, mask)
        return out

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher-forced logits [B, T, V] of source [B, S], its lengths [B], decoder input [B, T]."""
        return self.project(self.states(source, lengths, target))

    def states(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """What ``forward`` projects: teacher-forced states [B, T, d]."""
        return self.decode(target, *self.encode(source, lengths))

    def start(self, source: Tensor, lengths: Tensor) -> DecodingState:
        """The state before the first token, with one row per sentence."""
        memory, mask = self.encode(source, lengths)
        layers = [
            LayerCache(layer.mixer.start(len(source)), layer.cross_attention.keys_values(memory))
            for layer in self.decoder.layers
        ]
        return DecodingState(layers, mask)

    def step(self, tokens: Tensor, state: DecodingState) -> Tensor:
        """Feed every row's next token [R]; the logits [R, V] of the one after it. Extends ``state``."""
        x = self.decoder.embed(tokens[:, None], self.target_table, first=state.length)
        seen = self.decoder.with_positions(None, 1, state.length + 1)
        for layer, cache in zip(self.decoder.layers, state.layers, strict=True):
            x = layer.mixer.look_back(x, seen, cache.own)
            # The rows of a sentence are queries over one copy of its source.
            by_sentence = x.view(len(state.mask), -1, self.config.d_model)
            x = layer.attend_to_source(by_sentence, cache.source, state.mask).view_as(x)
            x = layer.feed_forward(x)
        state.length += 1
        return self.project(self.decoder.finish(x[:, 0]))

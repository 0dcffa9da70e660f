"""The language model: a decoder-only Transformer (Radford et al. 2018, with the layers of ``model``), softmax
or Integer.

The executable specification, as ``model`` is for translation. A text is one stream of tokens:
``decoder_start_id``, then the tokens of each line, each ended by EOS; context goes over the ends of lines.
"""

from __future__ import annotations

import dataclasses
from typing import cast

import torch
from torch import Tensor, nn

from octavo.model.config import ModelConfig
from octavo.reference.dropout import Dropout
from octavo.reference.initialization import reset_weights
from octavo.reference.layers import FeedForward, Output, Stack
from octavo.reference.mixers import MixerCache, MixingLayer


@dataclasses.dataclass(slots=True)
class LanguageModelState:
    """R rows after ``length`` tokens each."""

    layers: list[MixerCache]
    length: int = 0

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order (indices into the old rows)."""
        for layer in self.layers:
            layer.select(rows)


class LanguageModelLayer(MixingLayer):
    """Causal self-attention or an SSRU, then feed-forward."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.feed_forward = FeedForward(config, dropout)

    def forward(self, x: Tensor, mask: Tensor | None, cache: MixerCache | None = None) -> Tensor:
        """x [R, T, d]; mask and ``cache``: those of the mixer."""
        out: Tensor = self.feed_forward(self.mixer.look_back(x, mask, cache))
        return out


class LanguageModelDecoder(Stack):
    """Embedding, layers and final norm."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout, config.target_vocab_size)
        layers = nn.ModuleList(LanguageModelLayer(config, dropout) for _ in range(config.decoder_layers))
        self.layers = cast("list[LanguageModelLayer]", layers)


class LanguageModel(nn.Module):
    """The model. ``state_dict()`` has exactly the float tensors of ``octavo.model``."""

    def __init__(self, config: ModelConfig, dropout: Dropout | None = None) -> None:
        super().__init__()
        if not config.is_language_model:
            raise ValueError("encoder_layers > 0: a translation model; octavo.reference.Transformer is one")
        self.config = config
        self.decoder = LanguageModelDecoder(config, dropout or Dropout())
        self.output = Output(config)
        self.reset()

    def reset(self, seed: int = 0) -> None:
        """Fresh weights, as ``reset_weights`` makes them."""
        reset_weights(self, self.config, seed)

    @property
    def target_table(self) -> Tensor:
        """The embedding matrix."""
        return self.decoder.embedding.weight

    @property
    def output_table(self) -> Tensor:
        """The output projection's matrix [V, d]."""
        return self.target_table if self.config.tied_output else self.output.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [R, T, V] of tokens [R, T]: those at t score the token after tokens[:, : t + 1].

        Raises ValueError for more tokens than the model has positions.
        """
        return self._project(self.states(tokens))

    def states(self, tokens: Tensor) -> Tensor:
        """What ``forward`` projects: states [R, T, d]."""
        return self._states(tokens, None)

    def start(self, rows: int) -> LanguageModelState:
        """The state before the first token of that many rows."""
        return LanguageModelState([layer.mixer.start(rows) for layer in self.decoder.layers])

    def extend(self, tokens: Tensor, state: LanguageModelState) -> Tensor:
        """``forward`` for tokens [R, T] that come after those of ``state``, which is extended.

        Raises ValueError for more tokens altogether than the model has positions.
        """
        logits = self._project(self._states(tokens, state))
        state.length += tokens.shape[1]
        return logits

    def step(self, tokens: Tensor, state: LanguageModelState) -> Tensor:
        """Feed every row's next token [R]; the logits [R, V] of the one after it. Extends ``state``."""
        return self.extend(tokens[:, None], state)[:, 0]

    def log_probabilities(self, tokens: Tensor, first: int = 0) -> Tensor:
        """log P(tokens[:, t + 1] | tokens[:, : t + 1]) in nats for t from ``first``: [R, T - 1 - first] of
        tokens [R, T].

        Over the whole vocabulary: ``suppressed_ids`` are for what is generated.
        """
        logits = self._project(self._states(tokens[:, :-1], None)[:, first:]).float()
        chosen = logits.gather(2, tokens[:, first + 1 :, None])[..., 0]
        return chosen - logits.logsumexp(-1)

    def _project(self, states: Tensor) -> Tensor:
        logits: Tensor = self.output(states, self.output_table)
        return logits

    def _states(self, tokens: Tensor, state: LanguageModelState | None) -> Tensor:
        before, new = state.length if state else 0, tokens.shape[1]
        if before + new > self.config.max_positions:
            raise ValueError(f"{before + new} tokens; the model has {self.config.max_positions} positions")
        later = torch.ones(new, before + new, dtype=torch.bool, device=tokens.device).triu(before + 1)
        seen = self.decoder.with_positions(later, new, before + new)
        x = self.decoder.embed(tokens, self.target_table, first=before)
        caches = state.layers if state else [None] * len(self.decoder.layers)
        for layer, cache in zip(self.decoder.layers, caches, strict=True):
            x = layer(x, seen, cache)
        return self.decoder.finish(x)

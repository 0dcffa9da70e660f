"""What looks back at the tokens before: causal self-attention, or the simpler simple recurrent unit.

Both are the first sublayer of a decoder layer, over whole sequences and step by step. Shapes as in
``layers``, with R rows while decoding.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from octavo.model.config import Mixer, ModelConfig
from octavo.reference.dropout import Dropout
from octavo.reference.layers import Attention, Sublayer


class MixerCache(Protocol):
    """What a mixer keeps of the tokens fed so far, for each of R rows."""

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order (indices into the old rows)."""


class DecoderMixer(Protocol):
    """The first sublayer of a decoder layer."""

    def start(self, rows: int) -> MixerCache:
        """The cache of that many rows before the first token."""

    def look_back(self, x: Tensor, mask: Tensor | None, cache: Any = None, /) -> Tensor:
        """The sublayer over x [R, T, d], after the tokens of ``cache``, which gets the new ones.

        ``mask`` [T, keys] or [heads, T, keys] is that of attention (``attention.masked``).
        """


@dataclasses.dataclass(slots=True)
class AttentionCache:
    """Keys and values of one layer, each [R, heads, t, head_dim], of the tokens fed so far."""

    keys: Tensor
    values: Tensor

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append those of new tokens; all of them."""
        self.keys = torch.cat([self.keys, keys], dim=2)
        self.values = torch.cat([self.values, values], dim=2)
        return self.keys, self.values

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order (indices into the old rows)."""
        self.keys, self.values = self.keys[rows], self.values[rows]


class SelfAttention(Attention):
    """Causal self-attention."""

    def start(self, rows: int) -> AttentionCache:
        """The cache of that many rows before the first token."""
        none = self.key.weight.new_empty(rows, self.heads, 0, self.head_dim)
        return AttentionCache(none, none)

    def look_back(self, x: Tensor, mask: Tensor | None, cache: AttentionCache | None = None, /) -> Tensor:
        """As ``DecoderMixer`` says; the keys of the mask begin with those of ``cache``."""
        y = self.before(x)
        keys, values = self.keys_values(y)
        if cache is not None:
            keys, values = cache.extend(keys, values)
        return self.after(x, self.attend(y, keys, values, mask=mask))


@dataclasses.dataclass(slots=True)
class RecurrentState:
    """c of one layer, [R, d], after the tokens fed so far."""

    c: Tensor

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order (indices into the old rows)."""
        self.c = self.c[rows]


class SSRU(Sublayer):
    """The simpler simple recurrent unit (Kim et al. 2019, section 3.1).

    f = sigmoid(W_f y + b_f); c_t = f c_{t-1} + (1 - f) (W y), c_0 = 0; the result is relu(c_t).
    """

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.candidate = nn.Linear(config.d_model, config.d_model, bias=False)
        self.forget = nn.Linear(config.d_model, config.d_model)

    def start(self, rows: int) -> RecurrentState:
        """The state of that many rows before the first token."""
        return RecurrentState(self.forget.bias.new_zeros(rows, len(self.forget.bias)))

    def look_back(self, x: Tensor, _mask: Tensor | None, cache: RecurrentState | None = None, /) -> Tensor:
        """As ``DecoderMixer`` says; a mask has no meaning here. c is float32 at least."""
        y = self.before(x)
        forget = self.forget(y).sigmoid()
        forget = forget.to(torch.promote_types(forget.dtype, torch.float32))
        added = (1 - forget) * self.candidate(y)
        c = (cache or self.start(len(x))).c
        states = []
        for f, more in zip(forget.unbind(1), added.unbind(1), strict=True):
            c = f * c + more
            states.append(c)
        if cache is not None:
            cache.c = c
        return self.after(x, torch.stack(states, dim=1).relu())


class MixingLayer(nn.Module):
    """What decoder layers share: a mixer under the name that ``octavo.model`` gives its tensors."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        recurrent = config.decoder_mixer is Mixer.SSRU
        self._mixer_name = "ssru" if recurrent else "self_attention"
        self.add_module(self._mixer_name, (SSRU if recurrent else SelfAttention)(config, dropout))

    @property
    def mixer(self) -> DecoderMixer:
        """What looks back at the tokens before."""
        return cast(DecoderMixer, self.get_submodule(self._mixer_name))

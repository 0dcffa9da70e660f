"""The sublayers of the Transformer: attention, feed-forward, embedding, output projection.

Shapes: B sentences, T target or query positions, S source or key positions, d = d_model.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from octavo.model.config import Activation, AttentionFunction, ModelConfig, NormPlacement, Positions
from octavo.reference.attention import AttentionOperator, PolynomialAttention, softmax_attention
from octavo.reference.dropout import Dropout, drop
from octavo.reference.norm import make_norm
from octavo.reference.positions import relative_buckets, sinusoidal_table

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    Activation.RELU: F.relu,
    Activation.GELU: F.gelu,
    Activation.GELU_TANH: functools.partial(F.gelu, approximate="tanh"),
    Activation.SILU: F.silu,
}


class Sublayer(nn.Module):
    """What every sublayer shares: its norm and the residual connection around it.

    Pre-norm: x + f(norm(x)). Post-norm: norm(x + f(x)).
    """

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.norm = make_norm(config)
        self.pre = config.norm is NormPlacement.PRE
        self.dropout = dropout

    def before(self, x: Tensor) -> Tensor:
        """The input of f."""
        normed: Tensor = self.norm(x) if self.pre else x
        return normed

    def after(self, x: Tensor, result: Tensor) -> Tensor:
        """The sublayer's output from its input x and f's result."""
        total = x + drop(result, self.dropout.residual, self.training)
        return total if self.pre else self.norm(total)


class Attention(Sublayer):
    """Multi-head attention (section 3.2.2), self- or cross-."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.heads, self.head_dim = config.attention_heads, config.head_dim
        self.query = nn.Linear(config.d_model, config.attention_width)
        self.key = nn.Linear(config.d_model, config.attention_width)
        self.value = nn.Linear(config.d_model, config.attention_width)
        self.output = nn.Linear(config.attention_width, config.d_model)
        self.mix: AttentionOperator = softmax_attention
        if config.attention is AttentionFunction.POLYNOMIAL:
            self.polynomial = PolynomialAttention(config)
            self.mix = self.polynomial.attend

    def split(self, x: Tensor) -> Tensor:
        """Rows of all heads [B, T, heads * head_dim] as heads [B, heads, T, head_dim]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def keys_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of states [B, S, d], each [B, heads, S, head_dim]."""
        return self.split(self.key(states)), self.split(self.value(states))

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Values mixed by attention weights, projected: [B, T, d]. ``mask``: ``attention.masked``."""
        dropout = self.dropout.attention if self.training else 0.0
        mixed = self.mix(self.split(self.query(x)), keys, values, mask, dropout)
        result: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return result


class FeedForward(Sublayer):
    """The position-wise network (section 3.3), or a gated one (Shazeer 2020)."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.inner = nn.Linear(config.d_model, config.ffn_dim)
        self.outer = nn.Linear(config.ffn_dim, config.d_model)
        self.gate = nn.Linear(config.d_model, config.ffn_dim) if config.gated else None
        self.activation = _ACTIVATIONS[config.activation]

    def hidden(self, x: Tensor) -> Tensor:
        """What the outer product takes, before dropout: [B, T, ffn_dim]."""
        if self.gate is None:
            return self.activation(self.inner(x))
        gated: Tensor = self.activation(self.gate(x)) * self.inner(x)
        return gated

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, d] to the same."""
        hidden = drop(self.hidden(self.before(x)), self.dropout.activation, self.training)
        return self.after(x, self.outer(hidden))


class LearnedPositions(nn.Module):
    """A trained vector for every position."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.max_positions + config.position_offset, config.d_model))


class SinusoidalPositions(nn.Module):
    """The fixed table; not part of the state."""

    weight: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.register_buffer("weight", sinusoidal_table(config), persistent=False)


class TokenTable(nn.Module):
    """An embedding matrix [tokens, d_model]."""

    def __init__(self, tokens: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tokens, d_model))


class Stack(nn.Module):
    """What encoder and decoder share: embedding, positions, embedding norm, final norm.

    ``bidirectional``: a position sees later ones too.
    """

    bidirectional = False
    relative_bias: nn.Parameter | None

    def __init__(self, config: ModelConfig, dropout: Dropout, vocab_size: int | None) -> None:
        """``vocab_size`` is None where the other stack's embedding is shared."""
        super().__init__()
        learned = config.positions is Positions.LEARNED
        if vocab_size is not None:
            self.embedding = TokenTable(vocab_size, config.d_model)
        self.positions = LearnedPositions(config) if learned else SinusoidalPositions(config)
        biases = nn.Parameter(torch.empty(config.relative_buckets, config.attention_heads))
        self.register_parameter("relative_bias", biases if config.relative_buckets else None)
        if config.embedding_norm:
            self.embedding_norm = make_norm(config)
        if config.norm is NormPlacement.PRE:
            self.norm = make_norm(config)
        self.config = config
        self.dropout = dropout

    def embed(self, tokens: Tensor, table: Tensor, first: int = 0) -> Tensor:
        """Tokens [B, T], the first at position ``first``, as vectors [B, T, d]."""
        scale = math.sqrt(self.config.d_model) if self.config.scale_embeddings else 1.0
        start = first + self.config.position_offset
        x = F.embedding(tokens, table) * scale + self.positions.weight[start : start + tokens.shape[1]]
        if self.config.embedding_norm:
            x = self.embedding_norm(x)
        return drop(x, self.dropout.residual, self.training)

    def with_positions(self, mask: Tensor | None, queries: int, keys: int) -> Tensor | None:
        """A mask of self-attention, of the last ``queries`` of ``keys`` positions, with what relative
        positions add to the scores; the mask itself in a model without them.
        """
        if self.relative_bias is None:
            return mask
        positions = torch.arange(keys, device=self.relative_bias.device)
        relative = positions - positions[keys - queries :, None]
        buckets = relative_buckets(self.config, relative, bidirectional=self.bidirectional)
        bias = self.relative_bias[buckets].permute(2, 0, 1)
        return bias if mask is None else bias.masked_fill(mask, -torch.inf)

    def finish(self, x: Tensor) -> Tensor:
        """The stack's own norm, which only pre-norm has."""
        done: Tensor = self.norm(x) if self.config.norm is NormPlacement.PRE else x
        return done


class Output(nn.Module):
    """The projection to the vocabulary; without a weight of its own when it is tied."""

    bias: nn.Parameter | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not config.tied_output:
            self.weight = nn.Parameter(torch.empty(config.target_vocab_size, config.d_model))
        bias = nn.Parameter(torch.zeros(config.target_vocab_size)) if config.output_bias else None
        self.register_parameter("bias", bias)

    def forward(self, states: Tensor, weight: Tensor) -> Tensor:
        """States [..., d] times weight [V, d], plus the bias: [..., V]."""
        return F.linear(states, weight, self.bias)

"""Attention functions: from queries, keys and values to mixed values. Shapes as in ``layers``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from octavo.model.config import ModelConfig, PolynomialSharing
from octavo.reference.dropout import drop

AttentionOperator = Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]
"""What ``softmax_attention`` is one of: polynomial attention is another, and training with quantization's."""

FIRST_DELTA: Final = 0.01
SMALLEST_SUM: Final = 2.0**-20
"""What weights are divided by at least. Only without delta can a row's sum be smaller, or 0."""


def softmax_attention(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """softmax(q k^T / sqrt(head width)) v (section 3.2.1) of heads [B, heads, T or S, d / heads].

    ``mask`` is as ``masked`` takes it; ``dropout`` is the rate on the attention weights.
    """
    scores = masked(query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1]), mask)
    weights = drop(scores.softmax(-1), dropout, training=True)
    return weights.to(values.dtype) @ values


def masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Scores [B, heads, T, S] with -infinity where not seen.

    ``mask`` is true there; or it is floats, which are added: a bias, and -infinity there.
    """
    if mask is None:
        return scores
    return scores.masked_fill(mask, -torch.inf) if mask.dtype is torch.bool else scores + mask


class PolynomialAttention(nn.Module):
    """Attention by Poly(x) = ReLU(x + b)^n + |delta| in place of exp (Lin et al. 2020, equations 11 and 12).

    ``bias`` (b) and ``delta`` are trained, [heads] or [1]. What is masked is multiplied by 0.
    """

    bias: nn.Parameter | None
    delta: nn.Parameter | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.degree = config.polynomial_degree
        count = config.attention_heads if config.polynomial_sharing is PolynomialSharing.HEAD else 1
        self.register_parameter("bias", nn.Parameter(torch.empty(count)) if config.polynomial_bias else None)
        self.register_parameter(
            "delta", nn.Parameter(torch.empty(count)) if config.polynomial_delta else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """b = n, since (x + n)^n is n^n (1 + x / n)^n, which nears exp(x); a small delta."""
        if self.bias is not None:
            nn.init.constant_(self.bias, float(self.degree))
        if self.delta is not None:
            nn.init.constant_(self.delta, FIRST_DELTA)

    def weights(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attention weights of scores [B, heads, T, S]. In float32 at least: bfloat16 holds neither the
        powers nor the sum of a row.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if self.bias is not None:
            scores = scores + self.bias.view(-1, 1, 1)
        powers = power(scores.relu(), self.degree)
        if self.delta is not None:
            powers = powers + self.delta.abs().view(-1, 1, 1)
        if mask is not None:
            powers = powers.masked_fill(mask, 0.0)
        return powers / powers.sum(-1, keepdim=True).clamp(min=SMALLEST_SUM)

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float
    ) -> Tensor:
        """As ``softmax_attention``, with these weights."""
        scores = query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])
        weights = drop(self.weights(scores, mask), dropout, training=True)
        return weights.to(values.dtype) @ values


def power(x: Tensor, degree: int) -> Tensor:
    """x^degree for a degree from 1 to 4, by products alone."""
    if degree == 1:
        return x
    square = x * x
    return square if degree == 2 else square * (x if degree == 3 else square)

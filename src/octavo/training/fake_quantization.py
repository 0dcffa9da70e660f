"""Rounding as int8 products round (docs/numerics.md), with gradients that pass through it.

The straight-through estimator (Bengio et al. 2013): the forward pass rounds, the backward pass does not.
Scales of activations learn by the gradient of the rounded value (Esser et al. 2020, section 2.1), through
their logarithm (Jain et al. 2020): so Adam's steps are relative, and no scale can become negative.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from octavo.reference.attention import masked
from octavo.reference.dropout import drop

LARGEST_WEIGHT = 127
LARGEST_BYTE = 255


class _StraightThrough(torch.autograd.Function):
    """The rounded tensor, with the gradient of the exact one."""

    @staticmethod
    def forward(_ctx: Any, _exact: Tensor, rounded: Tensor) -> Tensor:
        return rounded.view_as(rounded)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def round_rows(weight: Tensor) -> Tensor:
    """A matrix [N, K] with every row rounded to multiples of max |row| / 127; the gradient passes."""
    with torch.no_grad():
        scale = weight.abs().amax(1, keepdim=True) / LARGEST_WEIGHT
        divisor = torch.where(scale > 0, scale, torch.inf)
        rounded = (weight / divisor).round_().clamp_(-LARGEST_WEIGHT, LARGEST_WEIGHT).mul_(scale)
    passed: Tensor = _StraightThrough.apply(weight, rounded)  # type: ignore[no-untyped-call]
    return passed


class _RoundToScale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_scale: Tensor, zero_point: int) -> Tensor:
        scale = log_scale.exp()
        steps = x.float() * scale.reciprocal()
        rounded = steps.clamp(-zero_point, LARGEST_BYTE - zero_point).round_().mul_(scale)
        ctx.save_for_backward(steps, rounded, scale)
        ctx.zero_point, ctx.dtype = zero_point, x.dtype
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """With n = x / scale: d rounded / d log scale is rounded - n * scale inside the range, and the
        range's end outside. The sum is taken apart, as masks cost several times what products do.
        """
        steps, rounded, scale = ctx.saved_tensors
        (gradient,) = gradients
        least, most = -ctx.zero_point - 0.5, LARGEST_BYTE - ctx.zero_point + 0.5
        inside = torch.ops.aten.hardtanh_backward(gradient, steps, least, most)  # 0 where clipped
        by_scale = (gradient * rounded).sum_to_size(scale.shape)
        by_scale -= (inside * steps).sum_to_size(scale.shape) * scale
        return inside.to(ctx.dtype), by_scale, None


def round_to_scale(x: Tensor, log_scale: Tensor, zero_point: int) -> Tensor:
    """x, rounded to multiples of exp(log_scale) from -zero_point to 255 - zero_point; float32.

    ``log_scale``'s shape broadcasts against x. Clipped values pass no gradient on.
    """
    rounded: Tensor = _RoundToScale.apply(x, log_scale, zero_point)  # type: ignore[no-untyped-call]
    return rounded


def rounded_attention(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """``octavo.reference.attention.softmax_attention`` with exp(s - max) rounded to 255ths."""
    scores = masked((query @ keys.transpose(-2, -1)).float() / math.sqrt(query.shape[-1]), mask)
    powers = (scores - scores.detach().amax(-1, keepdim=True)).exp() * LARGEST_BYTE
    weights: Tensor = _StraightThrough.apply(powers, powers.detach().round())  # type: ignore[no-untyped-call]
    mixed = drop(weights, dropout, training=True).to(values.dtype) @ values
    return mixed / weights.sum(-1, keepdim=True)

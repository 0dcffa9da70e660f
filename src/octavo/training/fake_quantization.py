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

from octavo.reference.dropout import drop

LARGEST_WEIGHT = 127
LARGEST_BYTE = 255

_HALF_STEP = 0.5 + 1e-4  # float32's own rounding must not count as clipping


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
    def forward(ctx: Any, x: Tensor, log_scale: Tensor, zero_point: Tensor) -> Tensor:
        scale = log_scale.exp()
        rounded = (x.float() * scale.reciprocal()).round_()
        rounded = rounded.clamp_(-zero_point, LARGEST_BYTE - zero_point).mul_(scale)
        ctx.save_for_backward(x, rounded, scale)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, rounded, scale = ctx.saved_tensors
        (gradient,) = gradients
        error = rounded - x
        inside = error.abs() <= scale * _HALF_STEP
        # d rounded / d log scale: the rounding error inside the range, the range's end outside.
        by_scale = (gradient * torch.where(inside, error, rounded)).sum_to_size(scale.shape)
        return (gradient * inside).to(x.dtype), by_scale, None


def round_to_scale(x: Tensor, log_scale: Tensor, zero_point: Tensor) -> Tensor:
    """x, rounded to multiples of exp(log_scale) from -zero_point to 255 - zero_point; float32.

    ``log_scale`` and ``zero_point`` have one shape, which broadcasts against x. Clipped values pass no
    gradient on.
    """
    rounded: Tensor = _RoundToScale.apply(x, log_scale, zero_point)  # type: ignore[no-untyped-call]
    return rounded


def rounded_attention(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """``octavo.reference.layers.softmax_attention`` with exp(s - max) rounded to 255ths."""
    scores = (query @ keys.transpose(-2, -1)).float() / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    powers = (scores - scores.detach().amax(-1, keepdim=True)).exp() * LARGEST_BYTE
    weights: Tensor = _StraightThrough.apply(powers, powers.detach().round())  # type: ignore[no-untyped-call]
    mixed = drop(weights, dropout, training=True).to(values.dtype) @ values
    return mixed / weights.sum(-1, keepdim=True)

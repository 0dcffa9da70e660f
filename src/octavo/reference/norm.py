"""Norms of rows: layer norm, RMS norm (Zhang and Sennrich 2019), and L1 layer norm (Lin et al. 2020)."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from octavo.model.config import ModelConfig, NormFunction

L1_FACTOR: Final = math.sqrt(math.pi / 2)
"""Standard deviation over mean absolute deviation of a Gaussian: gains mean the same in both norms."""


class L1LayerNorm(nn.Module):
    """weight * (x - mean) / (sqrt(pi / 2) * mean |x - mean| + epsilon) + bias of rows x [..., d].

    Lin et al. 2020, equation 13: no square and no root. In float32 at least, as layer norm is in training.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Unit gains, zero biases."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Rows [..., d] to the same shape."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        centred = x - x.mean(-1, keepdim=True)
        deviation = L1_FACTOR * centred.abs().mean(-1, keepdim=True) + self.epsilon
        return centred / deviation * self.weight + self.bias


def make_norm(config: ModelConfig) -> nn.LayerNorm | L1LayerNorm | nn.RMSNorm:
    """A norm of rows of d_model, as the model has them."""
    if config.norm_function is NormFunction.L1:
        return L1LayerNorm(config.d_model, config.layer_norm_epsilon)
    if config.norm_function is NormFunction.RMS:
        return nn.RMSNorm(config.d_model, eps=config.layer_norm_epsilon)
    return nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)

"""The weights a model begins with."""

from __future__ import annotations

import torch
from torch import nn

from octavo.model.config import ModelConfig
from octavo.reference.attention import PolynomialAttention
from octavo.reference.layers import LearnedPositions, Output, Stack, TokenTable
from octavo.reference.norm import L1LayerNorm


def reset_weights(model: nn.Module, config: ModelConfig, seed: int) -> None:
    """Fresh weights: Xavier-uniform products, embeddings, an output of its own and biases of
    relative positions N(0, 1 / d_model), zero biases of products, unit norms, and polynomials as they begin.
    """
    random = torch.Generator().manual_seed(seed)
    deviation = config.d_model**-0.5
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=random)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (TokenTable, LearnedPositions)):
            nn.init.normal_(module.weight, std=deviation, generator=random)
        elif isinstance(module, (nn.LayerNorm, nn.RMSNorm, L1LayerNorm, PolynomialAttention)):
            module.reset_parameters()
        elif isinstance(module, Stack) and module.relative_bias is not None:
            nn.init.normal_(module.relative_bias, std=deviation, generator=random)
        elif isinstance(module, Output) and not config.tied_output:
            nn.init.normal_(module.weight, std=deviation, generator=random)

"""Muon (Jordan et al. 2024) for the matrices inside the layers, Adam for everything else."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from octavo.training.recipe import RecipeError, TrainingRecipe


class MuonAndAdam:
    """Two optimizers that step together. One rate serves both: Muon's updates are scaled to be as large as
    Adam's (Liu et al. 2025, section 2.2).
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], others: list[dict[str, Any]], recipe: TrainingRecipe
    ) -> None:
        """``matrices``: two-dimensional parameters; ``others``: Adam's groups. Raises RecipeError where
        PyTorch has no Muon.
        """
        if not hasattr(torch.optim, "Muon"):
            raise RecipeError('training.optimizer = "muon" needs PyTorch 2.9 or newer')
        groups = [{"params": list(matrices), "factor": 1.0}]
        self.muon = torch.optim.Muon(
            groups,
            lr=0.0,
            momentum=0.95,
            weight_decay=recipe.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adam = torch.optim.AdamW(
            others,
            lr=0.0,
            betas=recipe.adam_betas,
            eps=recipe.adam_epsilon,
            weight_decay=recipe.weight_decay,
            fused=True,
        )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both."""
        return [*self.muon.param_groups, *self.adam.param_groups]

    def part_of(self, parameter: nn.Parameter) -> torch.optim.Optimizer:
        """The optimizer that a parameter belongs to."""
        mine = itertools.chain.from_iterable(group["params"] for group in self.muon.param_groups)
        return self.muon if any(one is parameter for one in mine) else self.adam

    def step(self) -> None:
        """Make both steps."""
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adam.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear all gradients."""
        self.muon.zero_grad(set_to_none)
        self.adam.zero_grad(set_to_none)


AnyOptimizer = torch.optim.Optimizer | MuonAndAdam
"""What a run's weights are optimized with."""


def part_of(optimizer: AnyOptimizer, parameter: nn.Parameter) -> torch.optim.Optimizer:
    """The optimizer that keeps a parameter's moments."""
    return optimizer.part_of(parameter) if isinstance(optimizer, MuonAndAdam) else optimizer

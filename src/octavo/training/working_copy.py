"""A model's weights in bfloat16, in which forward and backward passes run; the exact ones stay in float32."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from octavo.training.models import FloatModel


class WorkingCopy:
    """``model`` computes in bfloat16 throughout: each weight is cast once an update, no activation is.

    Sums inside products, softmax and norms are float32 all the same, and so are the sums of the
    micro-batches' gradients.
    """

    def __init__(self, exact: FloatModel) -> None:
        self.exact = exact
        self.model: FloatModel = copy.deepcopy(exact).to(torch.bfloat16)

    @torch.no_grad()
    def take_weights(self) -> None:
        """Round the exact weights, as they are now, into the copy."""
        self.model.train(self.exact.training)
        for rounded, exact in zip(self.model.parameters(), self.exact.parameters(), strict=True):
            rounded.copy_(exact)

    @torch.no_grad()
    def give_gradients(self) -> None:
        """Add the copy's gradients to those of the exact weights, and clear them."""
        for rounded, exact in zip(self.model.parameters(), self.exact.parameters(), strict=True):
            if rounded.grad is None:
                continue
            found: Tensor = rounded.grad
            exact.grad = found.float() if exact.grad is None else exact.grad.add_(found)
            rounded.grad = None

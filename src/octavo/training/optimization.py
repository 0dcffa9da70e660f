"""One update: gradients of its micro-batches, summed over processes, and the optimizer's step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from octavo.training.batches import IGNORED_LABEL, AnyBatch, Epoch
from octavo.training.distillation import Teacher
from octavo.training.models import FloatModel
from octavo.training.quantized_transformer import QuantizedTransformer
from octavo.training.ranks import Ranks
from octavo.training.recipe import TrainingRecipe
from octavo.training.schedule import learning_rate


@dataclasses.dataclass(frozen=True, slots=True)
class UpdateReport:
    """Of one update: smoothed loss summed over the target tokens, the rate, the gradient's norm."""

    loss: float
    tokens: int
    rate: float
    norm: float


def use_bfloat16(recipe: TrainingRecipe, device: torch.device) -> bool:
    """Whether products run in bfloat16; ``auto`` takes it on GPUs that have it."""
    if recipe.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return recipe.precision == "bfloat16"


def make_optimizer(model: FloatModel | QuantizedTransformer, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (none by default), or Nesterov's momentum (Sutskever et al. 2013).
    A group's ``factor`` multiplies its rate.
    """
    groups: list[dict[str, Any]] = [{"params": weights_of(model), "factor": 1.0}]
    if isinstance(model, QuantizedTransformer):
        factor = model.recipe.range_peak / recipe.schedule.peak
        groups.append({"params": [model.log_scales], "factor": factor, "weight_decay": 0.0})
    if recipe.optimizer == "nesterov":
        decay = recipe.weight_decay
        return torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum, nesterov=True, weight_decay=decay)
    return torch.optim.AdamW(
        groups,
        lr=0.0,
        betas=recipe.adam_betas,
        eps=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def weights_of(model: FloatModel | QuantizedTransformer) -> list[torch.nn.Parameter]:
    """The parameters without learned ranges."""
    return list((model.model if isinstance(model, QuantizedTransformer) else model).parameters())


class Optimization:
    """Makes updates to a model.

    Micro-batch j of an update belongs to process j modulo their number, and is computed with dropout
    drawn from (seed, update, j): how many processes there are changes only the order of a sum.
    """

    def __init__(
        self,
        model: FloatModel | QuantizedTransformer,
        recipe: TrainingRecipe,
        seed: int,
        ranks: Ranks,
        teacher: Teacher | None = None,
    ) -> None:
        self.model, self.recipe, self.seed, self.ranks = model, recipe, seed, ranks
        self.teacher = teacher
        self.optimizer = make_optimizer(model, recipe)
        self.bfloat16 = use_bfloat16(recipe, ranks.device)

    def update(self, number: int, micro_batches: Sequence[Sequence[int]], epoch: Epoch) -> UpdateReport:
        """Make update ``number`` (1, 2, ...); the gradient is that of the mean loss per target token."""
        self.model.train()
        sums = torch.zeros(2, dtype=torch.float64)
        for index, chosen in enumerate(micro_batches):
            if index % self.ranks.world == self.ranks.rank:
                batch = epoch.batch(chosen)
                sums += torch.tensor([self._accumulate(batch, number, index), batch.tokens])
        loss, tokens = self.ranks.sum(sums.to(self.ranks.device)).tolist()
        self.ranks.sum_gradients(self.model.parameters())
        rate = learning_rate(number, self.recipe.schedule, self.recipe.max_updates)
        return UpdateReport(loss, int(tokens), rate, self._step(rate, tokens))

    def _accumulate(self, batch: AnyBatch, update: int, index: int) -> float:
        """Add a micro-batch's gradients; its loss."""
        torch.manual_seed(dropout_seed(self.seed, update, index))
        loss = self._loss(batch.to(self.ranks.device))
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item())

    def _loss(self, batch: AnyBatch) -> Tensor:
        """Label-smoothed cross-entropy (Szegedy et al. 2016), summed over target tokens; a share of it with
        the teacher's predictions in place of the text.
        """
        with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.model(*batch.inputs).flatten(0, 1).float()
            taught = self.teacher.predict(batch) if self.teacher else None
        loss = F.cross_entropy(
            logits,
            batch.labels.flatten(),
            ignore_index=IGNORED_LABEL,
            reduction="sum",
            label_smoothing=self.recipe.label_smoothing,
        )
        if taught is None:
            return loss
        known = batch.labels.flatten() != IGNORED_LABEL
        from_teacher = F.cross_entropy(logits[known], taught[known], reduction="sum")
        return torch.lerp(loss, from_teacher, self.recipe.distillation)

    def _step(self, rate: float, tokens: float) -> float:
        """Divide, clip, step and clear; the norm before clipping. Ranges are not clipped: a scale's
        gradient sums over a whole site, and Adam divides its size out.
        """
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad /= tokens
        norm = torch.nn.utils.clip_grad_norm_(weights_of(self.model), self.recipe.clip_norm or float("inf"))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm)


def dropout_seed(seed: int, update: int, micro_batch: int) -> int:
    """A 63-bit seed for one micro-batch."""
    mixed = np.random.SeedSequence([seed, update, micro_batch]).generate_state(1, np.uint64)
    return int(mixed[0]) >> 1

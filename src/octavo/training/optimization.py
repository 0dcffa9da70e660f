"""One update: gradients of its micro-batches, summed over processes, and the optimizer's step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from octavo.training.batches import IGNORED_LABEL, AnyBatch, Epoch
from octavo.training.distillation import Teacher
from octavo.training.loss import Candidates, projected_loss
from octavo.training.models import FloatModel
from octavo.training.muon import AnyOptimizer, MuonAndAdam
from octavo.training.quantized_transformer import QuantizedTransformer
from octavo.training.ranks import Ranks
from octavo.training.recipe import TrainingRecipe
from octavo.training.schedule import learning_rate
from octavo.training.working_copy import WorkingCopy


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


def make_optimizer(model: FloatModel | QuantizedTransformer, recipe: TrainingRecipe) -> AnyOptimizer:
    """Adam with decoupled weight decay (none by default), Muon with Adam, or Nesterov's momentum (Sutskever
    et al. 2013). A group's ``factor`` multiplies its rate. Raises RecipeError where PyTorch lacks Muon.
    """
    weights = weights_of(model)
    matrices = layer_matrices(model) if recipe.optimizer == "muon" else []
    apart = {id(matrix) for matrix in matrices}
    rest = [weight for weight in weights if id(weight) not in apart]
    groups: list[dict[str, Any]] = [{"params": rest, "factor": 1.0}]
    if isinstance(model, QuantizedTransformer):
        factor = model.recipe.range_peak / recipe.schedule.peak
        groups.append({"params": [model.log_scales], "factor": factor, "weight_decay": 0.0})
    if recipe.optimizer == "muon":
        return MuonAndAdam(matrices, groups, recipe)
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


def layer_matrices(model: FloatModel | QuantizedTransformer) -> list[torch.nn.Parameter]:
    """The matrices inside the layers: neither embeddings nor the output projection."""
    inner = model.model if isinstance(model, QuantizedTransformer) else model
    return [weight for name, weight in inner.named_parameters() if weight.ndim == 2 and ".layers." in name]


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
        self._working = self._make_working_copy()

    def _make_working_copy(self) -> WorkingCopy | None:
        """For an ordinary model in bfloat16. Fake quantization, distillation and an Integer Transformer's
        powers keep float32 in places, so they run under autocast.
        """
        if not self.bfloat16 or self.teacher or isinstance(self.model, QuantizedTransformer):
            return None
        return None if self.model.config.integer_transformer_part else WorkingCopy(self.model)

    def update(self, number: int, micro_batches: Sequence[Sequence[int]], epoch: Epoch) -> UpdateReport:
        """Make update ``number`` (1, 2, ...); the gradient is that of the mean loss per target token."""
        self.model.train()
        if self._working:
            self._working.take_weights()
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
        seed = dropout_seed(self.seed, update, index)
        torch.manual_seed(seed)
        batch = batch.to(self.ranks.device)
        whole = self.teacher is not None or isinstance(self.model, QuantizedTransformer)
        loss = self._loss_with_logits(batch) if whole else self._loss(batch, seed)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._working:
            self._working.give_gradients()
        return float(loss.item())

    def _loss(self, batch: AnyBatch, seed: int) -> Tensor:
        """Label-smoothed cross-entropy, summed over target tokens; of sampled candidates where asked for."""
        model = self._working.model if self._working else cast(FloatModel, self.model)
        with torch.autocast(
            self.ranks.device.type, torch.bfloat16, enabled=self.bfloat16 and not self._working
        ):
            states = model.states(*batch.inputs).flatten(0, 1)
        labels = batch.labels.flatten()
        known = labels != IGNORED_LABEL
        states, labels = states[known], labels[known]
        weight, count = model.output_table, self.recipe.sampled_outputs
        sampled = None
        if 0 < count < len(weight):
            sampled = Candidates.sample(labels, len(weight), count, seed)
        if self.bfloat16:
            states, weight = states.bfloat16(), weight.bfloat16()
        return projected_loss(states, weight, model.output.bias, labels, self.recipe.label_smoothing, sampled)

    def _loss_with_logits(self, batch: AnyBatch) -> Tensor:
        """The same of a model whose output projection is quantized, or with a share of it that compares with
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

"""The loss of a model that learns another's predictions."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from octavo.training.batches import IGNORED_LABEL
from octavo.training.distillation import Teacher
from octavo.training.initial import InitialModel
from octavo.training.optimization import Optimization
from octavo.training.ranks import Ranks
from octavo.training.recipe import ScheduleRecipe, TrainingRecipe


class Constant(torch.nn.Module):
    """A model whose logits are its only parameter."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, *_: Any) -> torch.Tensor:
        return self.logits


def loss_of(share: float, taught: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> float:
    recipe = TrainingRecipe(
        schedule=ScheduleRecipe(peak=1.0, warmup=1),
        max_updates=1,
        label_smoothing=0.0,
        precision="float32",
        distillation=share,
    )
    teacher = types.SimpleNamespace(predict=lambda batch: taught.flatten(0, 1))
    optimization = Optimization(
        cast(Any, Constant(logits)), recipe, 1, Ranks(0, 1, torch.device("cpu")), cast(Any, teacher)
    )
    return float(
        optimization._loss_with_logits(cast(Any, types.SimpleNamespace(inputs=(), labels=labels))).detach()
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_loss_is_shared_between_text_and_teacher(share: float) -> None:
    torch.manual_seed(1)
    logits, taught = torch.randn(2, 3, 5), torch.softmax(torch.randn(2, 3, 5), -1)
    labels = torch.tensor([[1, 4, IGNORED_LABEL], [0, IGNORED_LABEL, IGNORED_LABEL]])
    expected = 0.0
    for row in range(2):
        for position in range(3):
            label = int(labels[row, position])
            if label != IGNORED_LABEL:
                log_p = torch.log_softmax(logits[row, position], -1)
                from_teacher = -float((taught[row, position] * log_p).sum())
                expected += (1 - share) * -float(log_p[label]) + share * from_teacher
    assert loss_of(share, taught, logits, labels) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_has_no_dropout_and_is_not_trained(trained_model: Path) -> None:
    teacher = Teacher(InitialModel.open(trained_model), torch.device("cpu"))
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())

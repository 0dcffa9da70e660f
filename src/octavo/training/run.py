"""One call from recipe to model directory."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from octavo import durable
from octavo.errors import OutputError
from octavo.training.display import Display
from octavo.training.export import export
from octavo.training.initial import InitialModel
from octavo.training.interrupt import Interrupt
from octavo.training.ranks import Ranks
from octavo.training.recipe import LanguageRecipe, QuantizationRecipe, RecipeError
from octavo.training.recipe_file import read_recipe
from octavo.training.trainer import Trainer


def train(
    recipe_path: Path,
    output: Path | None = None,
    data_root: Path | None = None,
    init: Path | None = None,
    quantize: bool = False,
) -> Path:
    """Train, or go on training, and write the model directory ``output/model``; returns its path.

    ``output`` is runs/NAME by default. ``init``: a model directory whose weights and vocabulary training
    starts from. ``quantize``: with the products quantized, also where the recipe has no [quantization].
    Raises RecipeError for a bad recipe or data, ModelError for a bad model directory, OutputError for a
    folder that cannot be written or in which another process trains, Interrupted after Ctrl-C (a checkpoint
    is written).
    """
    recipe = read_recipe(recipe_path, data_root)
    if quantize and isinstance(recipe, LanguageRecipe):
        raise RecipeError(
            f"{recipe_path}: is for a language model, and only translation models train with quantization; "
            "leave out --quantize"
        )
    if quantize and recipe.quantization is None:
        recipe = recipe.model_copy(update={"quantization": QuantizationRecipe()})
    if recipe.quantization and init is None:
        raise RecipeError(
            f"{recipe_path}: training with quantization starts from a trained model; name its directory "
            "with --init"
        )
    initial = InitialModel.open(init) if init else None
    folder = output or Path("runs") / recipe.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write a run there: {error.strerror or error}") from error
    ranks = Ranks.join()
    try:
        lock = durable.locked(folder) if ranks.first else nullcontext()
        with lock, Display(folder, recipe.training.max_updates, quiet=not ranks.first) as display:
            trainer = Trainer(recipe, folder, ranks, display, initial)
            trainer.resume()
            with Interrupt() as interrupt:
                trainer.run(interrupt)
                if ranks.first:
                    export(trainer, folder / "model")
                    display.say(f"model written to {folder / 'model'}")
    finally:
        ranks.leave()
    return folder / "model"

"""``octavo train``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from octavo.errors import InputError, OctavoError

_NEEDED: Final = {"torch": "PyTorch", "tensorboard": "TensorBoard"}


class TrainingError(OctavoError):
    """Training cannot run here."""


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of the run and its model; default: the recipe's name in runs/."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that relative data paths start from; default: the recipe's."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            metavar="MODEL",
            help="Fine-tune: start from this model directory's weights and vocabulary. It must be a "
            "floating-point model of the recipe's shape.",
        ),
    ] = None,
    quantize: Annotated[
        bool,
        typer.Option(
            "--quantize",
            help="Train with the products rounded to int8, and learn their ranges, which go to plan.json in "
            "the run's folder. For models that lose too much when quantized; needs --init. A recipe with a "
            "section named quantization does the same.",
        ),
    ] = False,
) -> None:
    """Train a model, or fine-tune one. A run that was stopped or killed goes on where it was when the same
    command is given again.
    """
    if not recipe.exists():
        raise InputError(f"{recipe}: no such recipe; a recipe is a TOML file, as docs/training.md describes")
    if missing := [name for module, name in _NEEDED.items() if find_spec(module) is None]:
        raise TrainingError(
            f"training needs {' and '.join(missing)}, not installed here: pip install 'octavo[train]'"
        )
    from octavo.training.run import train as run_training

    run_training(recipe, output, data, init, quantize)

"""``octavo train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octavo.errors import OctavoError


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
    try:
        from octavo.training.run import train as run_training
    except ImportError as error:
        if f"{error.name}.".startswith("octavo."):
            raise
        raise TrainingError(
            f"training needs PyTorch and TensorBoard ({error}): pip install 'octavo[train]'"
        ) from error

    run_training(recipe, output, data, init, quantize)

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
) -> None:
    """Train a model. A run that was stopped or killed goes on where it was."""
    try:
        from octavo.training.run import train as run_training
    except ImportError as error:
        if f"{error.name}.".startswith("octavo."):
            raise
        raise TrainingError(
            f"training needs PyTorch and TensorBoard ({error}): pip install 'octavo[train]'"
        ) from error

    run_training(recipe, output, data)

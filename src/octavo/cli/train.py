"""``octavo train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    from octavo.training.run import train as run_training

    run_training(recipe, output, data)

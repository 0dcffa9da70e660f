"""``octavo train``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from octavo.cli.options import named_model
from octavo.errors import InputError, OctavoError

_NEEDED: Final = {"torch": "PyTorch", "tensorboard": "TensorBoard"}


class TrainingError(OctavoError):
    """Training cannot run here."""


def train(
    recipe: Annotated[Path, typer.Argument(help="RECIPE is a TOML file.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The run and its model go to this folder. The default is the recipe's name in runs/.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Relative paths of data start from this folder. The default is the recipe's."
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            metavar="MODEL",
            help="Training starts from the weights and the vocabulary of this model directory or "
            "installed model. It must be a floating-point model of the recipe's shape.",
            parser=named_model,
        ),
    ] = None,
    quantize: Annotated[
        bool,
        typer.Option(
            "--quantize",
            help="The products are rounded to int8 in training, and their ranges are learned and written to "
            "plan.json in the run's folder. This is for models that lose too much when quantized; it "
            "needs --init. A recipe with a section named quantization does the same.",
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
    try:
        from octavo.training.run import train as run_training
    except ImportError as error:
        if f"{error.name}.".startswith("octavo."):
            raise
        raise TrainingError(
            f"training cannot load PyTorch or TensorBoard ({error}); install them again: "
            "pip install --force-reinstall 'octavo[train]'"
        ) from error

    run_training(recipe, output, data, init, quantize)

"""``octavo quantize`` of an Integer Transformer: a model of integers alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from octavo.errors import InputError, counted
from octavo.model.config import AttentionFunction
from octavo.model.scheme import Scheme

if TYPE_CHECKING:
    from rich.console import Console

    from octavo.calibration.choose.gate import Target
    from octavo.calibration.integer.quantize import FrozenModel
    from octavo.calibration.text.named_text import NamedText

_USED: Final = ("--method", "--sentences")


def freezes_to_integers(model: Path) -> bool:
    """Whether the model has polynomial attention. Raises ModelError for a bad model, InputError for one that
    holds integers already."""
    from octavo.artifact import ModelDirectory

    found = ModelDirectory.open(model)
    if found.scheme is Scheme.INTEGER:
        raise InputError(f"{model}: is quantized already (integer); quantize its float model")
    return found.config.attention is AttentionFunction.POLYNOMIAL


def checked_calibration(model: Path, calibrate: Path | None, given: Mapping[str, Any]) -> Path:
    """The calibration text. Raises typer.BadParameter without one, and for options that would do nothing."""
    for name, value in given.items():
        if value is not None and name not in _USED:
            raise typer.BadParameter(
                f"{name} is for models with softmax attention; {model} is an Integer Transformer, which "
                "becomes integers whole: leave it out"
            )
    if calibrate is None:
        raise typer.BadParameter(
            f"{model} is an Integer Transformer, and integers need ranges: add --calibrate SRC"
        )
    return calibrate


def freeze(
    model: Path,
    output: Path,
    text: NamedText,
    target: Target | None,
    method: str | None,
    sentences: int | None,
    *,
    direction: tuple[str | None, str | None],
    overwrite: bool,
    threads: int,
) -> None:
    """Write the model of integers and say what it costs."""
    from rich.console import Console

    from octavo.calibration.integer.quantize import IntegerRequest, quantize_integer
    from octavo.calibration.text.sentences import DEFAULT_SENTENCES
    from octavo.cli.terminal.stages import resumable_stages
    from octavo.quantization.thresholds import Method

    request = IntegerRequest(
        text=text,
        method=Method.MSE if method in (None, "auto") else Method(method),
        sentences=sentences or DEFAULT_SENTENCES,
        target=target,
        direction=direction,
    )
    with resumable_stages(output, "calibration") as stages:
        written = quantize_integer(
            model, output, request, overwrite=overwrite, threads=threads, progress=stages
        )
    console = Console()
    _print_summary(console, written)
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)


def _print_summary(console: Console, written: FrozenModel) -> None:
    from rich.table import Table

    from octavo.cli.commands.quantize.summary import add_verdict, megabytes

    table = Table(show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    if written.verdict is not None:
        add_verdict(table, written.verdict)
    if loss := written.loss:
        table.add_row(
            f"Loss on {counted(loss.sentences, 'line')}",
            f"{loss.float32:.4f} to {loss.integer:.4f} nats per token",
        )
    table.add_row("KL from float32", f"{written.divergence:.2e} nats per token")
    table.add_row("Ranges by", written.settings.method)
    before, after = written.facts.float32_bytes, written.facts.int8_bytes
    table.add_row("Tensors", f"{megabytes(before)} to {megabytes(after)}, {before / after:.2f}x")
    console.print(table)

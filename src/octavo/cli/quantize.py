"""``octavo quantize``: a float model directory in, an int8 one out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from octavo.quantization.model import QuantizedModel

_WORST_SHOWN = 3


def quantize(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Float model directory.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Directory to write the int8 model to.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")] = False,
) -> None:
    """Quantize a model: int8 weights, one scale per output channel; activations per token."""
    from rich.console import Console

    from octavo.quantization.model import quantize_model

    quantized = quantize_model(model, output, overwrite=overwrite)
    console = Console()
    console.print(_sizes(quantized), _errors(quantized))
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)


def _sizes(quantized: QuantizedModel) -> Table:
    """What the tensors weigh before and after."""
    from rich.table import Table

    before, after = quantized.float32_bytes, quantized.int8_bytes
    table = Table("Tensors in float32", "in int8", "Compression")
    table.add_row(_megabytes(before), _megabytes(after), f"{before / after:.2f}x")
    return table


def _errors(quantized: QuantizedModel) -> Table:
    """Where rounding the weights cost most."""
    from rich.table import Table

    table = Table()
    table.add_column("Weights", overflow="fold")
    table.add_column("Relative RMS error")
    table.add_row("all", f"{quantized.relative_rms_error:.3%}")
    for worst in quantized.report()["worst_tensors"][:_WORST_SHOWN]:
        table.add_row(worst["tensor"], f"{worst['relative_rms_error']:.3%}")
    return table


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB"

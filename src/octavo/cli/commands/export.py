"""``octavo export``: a model directory in, a model of another program out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="MODEL is a model directory.")],
    to: Annotated[Literal["huggingface"], typer.Option("--to", help="The format that is written.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="DIR is written, and must not exist.")
    ],
    dtype: Annotated[
        Literal["float32", "float16"], typer.Option("--dtype", help="The type in which weights are stored.")
    ] = "float32",
) -> None:
    """Export a model for Transformers and CTranslate2.

    DIR is a MarianMTModel, or where the layer norms come before the sublayers a
    PegasusForConditionalGeneration, with MarianTokenizer. Quantized weights are widened.

        octavo export en-de --to huggingface -o en-de-huggingface
        ct2-transformers-converter --model en-de-huggingface --output_dir en-de-ct2
    """
    from octavo.conversion import export as export_huggingface

    formats = {"huggingface": export_huggingface}
    exported = formats[to](model, output, dtype=dtype)
    print(f"Wrote {output}: {exported.architecture}")

"""``octavo export``: a model directory in, a model of another program out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from octavo.cli.options import named_model


def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="MODEL is a model directory or an installed model.", parser=named_model
        ),
    ],
    to: Annotated[
        Literal["huggingface", "ctranslate2", "marian"],
        typer.Option("--to", help="The format that is written."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="DIR is written.")],
    dtype: Annotated[
        Literal["float32", "float16", "int8"],
        typer.Option(
            "--dtype",
            help="The type in which weights are stored: float16 is for huggingface, int8 for ctranslate2.",
        ),
    ] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An export at DIR is replaced.")] = False,
) -> None:
    """Export a model for Transformers, CTranslate2 or Marian.

    For Transformers DIR is a MarianMTModel, or where the layer norms come before the sublayers a
    PegasusForConditionalGeneration, with MarianTokenizer; quantized weights are widened. For CTranslate2 DIR
    is a model directory of it, with the sentencepiece files beside the model; int8 weights stay as they are
    with --dtype int8. For Marian DIR holds model.npz, the vocabularies and decoder.yml; Marian has one kind
    of positions and starts from a zero embedding, so it takes models that were converted from it.

        octavo export en-de --to huggingface -o en-de-huggingface
        octavo export en-de --to ctranslate2 --dtype int8 -o en-de-ctranslate2
        octavo export student --to marian -o student-marian
    """
    from octavo import conversion

    if to == "ctranslate2":
        if dtype == "float16":
            raise typer.BadParameter(
                "ctranslate2 has float32 and int8; it makes float16 of float32 itself where it loads a model",
                param_hint="--dtype",
            )
        conversion.export_ctranslate2(model, output, dtype=dtype, overwrite=overwrite)
        print(f"Wrote {output}: a model of CTranslate2 in {dtype}{_left_out(model, dtype)}")
        return
    if to == "marian":
        if dtype != "float32":
            raise typer.BadParameter(
                "marian has float32; marian-conv makes others of it", param_hint="--dtype"
            )
        conversion.export_marian(model, output, overwrite=overwrite)
        print(f"Wrote {output}: a model of Marian in float32{_left_out(model, dtype)}")
        return
    if dtype == "int8":
        raise typer.BadParameter(
            "huggingface has float32 and float16; int8 is for ctranslate2", param_hint="--dtype"
        )
    exported = conversion.export(model, output, dtype=dtype, overwrite=overwrite)
    print(f"Wrote {output}: {exported.architecture}{_left_out(model, dtype)}")


def _left_out(path: Path, dtype: str) -> str:
    """What the model has and the export has not, in words."""
    from octavo.artifact import ModelDirectory
    from octavo.model.scheme import Scheme

    model = ModelDirectory.open(path)
    missing = {
        "its shortlist": model.shortlist_path is not None,
        "its int8 arithmetic": model.scheme is not Scheme.NONE and dtype != "int8",
    }
    parts = [name for name, there in missing.items() if there]
    return f"; not written: {' and '.join(parts)}" if parts else ""

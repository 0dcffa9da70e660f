"""``octavo convert``: a model of another program in, a model directory out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octavo.cli.terminal.failures import note


def convert(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="DIR is the Hugging Face directory of a MarianMTModel, such as OPUS-MT's."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="MODEL", help="MODEL is the model directory that is written."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the model. The default is DIR's.")
    ] = None,
    source_language: Annotated[
        str | None,
        typer.Option(
            "--source-language",
            metavar="TAG",
            help="TAG is the source language, such as en. The default is what DIR says.",
        ),
    ] = None,
    target_language: Annotated[
        str | None,
        typer.Option(
            "--target-language",
            metavar="TAG",
            help="TAG is the target language, such as de. The default is what DIR says.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An existing MODEL is replaced.")] = False,
) -> None:
    """Convert an OPUS-MT model, as Hugging Face keeps them, to a float model directory.

    The directory holds config.json, model.safetensors or pytorch_model.bin,
    source.spm, target.spm and vocab.json. Nothing is downloaded.

        octavo convert opus-mt-en-de -o en-de
        octavo quantize en-de -o en-de-int8
        octavo translate --model en-de-int8 "A man rides a bicycle."
    """
    from octavo.conversion import convert as convert_model

    converted = convert_model(
        directory,
        output,
        name=name,
        source_language=source_language,
        target_language=target_language,
        overwrite=overwrite,
    )
    for text in converted.notes:
        note(text)
    print(f"Wrote {output}: {converted.source_language} to {converted.target_language}")

"""``octavo align``: a model directory in, the same with alignment heads out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octavo.cli.options import SourceLanguageOption, TargetLanguageOption, ThreadsOption, named_model
from octavo.cli.terminal.lines import open_lines
from octavo.errors import counted


def align(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is a model directory or an installed model, of any scheme.",
            parser=named_model,
        ),
    ],
    source: Annotated[
        Path,
        typer.Option(
            "--source",
            metavar="FILE",
            help="FILE is a text in the source language, like the text to be translated. Some hundred "
            "sentences are enough.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="The model with its heads is written to DIR."),
    ],
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An existing output is replaced.")] = False,
    threads: ThreadsOption = 0,
) -> None:
    """Choose the attention heads of a model that say which source word each translated word comes from.

    Markup in documents follows its words by them. `octavo quantize --calibrate` chooses them by itself; this
    is for models that come from elsewhere. The model translates FILE, and the heads are taken that agree best
    with the statistics of both texts. Nothing but config.json changes.

        octavo align en-de --source train.en -o en-de-aligned
    """
    from octavo.alignment.make import align_model
    from octavo.cli.terminal.stages import resumable_stages

    with resumable_stages(output, "alignment") as stages, open_lines(source) as lines:
        choice = align_model(
            *(model, output, lines, str(source)),
            direction=(source_language, target_language),
            overwrite=overwrite,
            threads=threads,
            progress=stages,
        )
    heads = ", ".join(f"head {head} of layer {layer}" for layer, head in choice.heads.heads)
    print(f"heads      {heads}, counted from 0")
    print(
        f"agreement  {choice.agreement:.1%} of the statistical links in "
        f"{counted(choice.sentences, 'sentence')} "
        f"(the best head alone {choice.single:.1%})"
    )
    print(f"Wrote {output}")

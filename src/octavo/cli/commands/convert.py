"""``octavo convert``: a model of another program in, a model directory out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from octavo.cli.terminal.failures import note


class ConvertCommand(TyperCommand):
    """Lists in its help the kinds of models that are read, as their readers call them."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, as every command does."""
        from octavo.conversion.families import names

        listed = "\n".join(f"    {name}" for name in names())
        self.help = f"{self.help}\n\nThe kinds of models are:\n\n{listed}"
        super().format_help(ctx, formatter)


def convert(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="PATH is the model's directory or file, of a kind that is listed above."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="MODEL", help="MODEL is the model directory that is written."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the model. The default is the model's own.")
    ] = None,
    source_language: Annotated[
        str | None,
        typer.Option(
            "--source-language",
            metavar="TAG",
            help="TAG is the source language, such as en; of a model of many its default. Else PATH says it.",
        ),
    ] = None,
    target_language: Annotated[
        str | None,
        typer.Option(
            "--target-language",
            metavar="TAG",
            help="TAG is the target language, such as de; of a model of many its default. Else PATH says it.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An existing MODEL is replaced.")] = False,
) -> None:
    """Convert a model that another program has trained to a model directory.

    PATH is what that program, or a download, left on this machine; nothing is downloaded.

        octavo convert opus-mt-en-de -o en-de
        octavo quantize en-de -o en-de-int8
        octavo translate --model en-de-int8 "A man rides a bicycle."
    """
    from octavo.conversion import convert as convert_model

    converted = convert_model(
        path,
        output,
        name=name,
        source_language=source_language,
        target_language=target_language,
        overwrite=overwrite,
    )
    for text in converted.notes:
        note(text)
    if (codes := converted.languages) and (codes.default_source or codes.default_target):
        chosen = codes.default_source or "any", codes.default_target or "any"
        print(f"Wrote {output}: by default {chosen[0]} to {chosen[1]}")
        return
    print(f"Wrote {output}: {converted.source_language} to {converted.target_language}")

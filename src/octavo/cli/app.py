"""The command line, assembled: one function per command, each from its own file."""

import platform
from collections.abc import Callable
from inspect import cleandoc
from typing import Annotated

import typer

import octavo
from octavo.cli.commands.align import align
from octavo.cli.commands.bench import bench
from octavo.cli.commands.convert import ConvertCommand, convert
from octavo.cli.commands.corpus import corpus
from octavo.cli.commands.doctor import doctor
from octavo.cli.commands.evaluate import evaluate
from octavo.cli.commands.export import export
from octavo.cli.commands.generate import generate
from octavo.cli.commands.inspect import inspect
from octavo.cli.commands.memory import export_tmx, import_tmx, info
from octavo.cli.commands.models import add_model, list_models, remove_model, verify_models
from octavo.cli.commands.perplexity import perplexity
from octavo.cli.commands.quantize.command import quantize
from octavo.cli.commands.serve import serve
from octavo.cli.commands.shortlist import shortlist
from octavo.cli.commands.train import train
from octavo.cli.commands.translate.command import translate
from octavo.cli.terminal.failures import guarded
from octavo.cli.terminal.text_command import TextCommand

app = typer.Typer(
    name="octavo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _help(documentation: str | None) -> str:
    """A docstring for the terminal: prose in paragraphs of one line each, indented examples as they are."""
    paragraphs = cleandoc(documentation or "").split("\n\n")
    return "\n\n".join(p if p.startswith(" ") else p.replace("\n", " ") for p in paragraphs)


_CLASSES = {translate: TextCommand, generate: TextCommand, convert: ConvertCommand}

for _command in (
    translate,
    serve,
    corpus,
    evaluate,
    generate,
    perplexity,
    inspect,
    doctor,
    bench,
    quantize,
    shortlist,
    align,
    train,
    convert,
    export,
):
    app.command(help=_help(_command.__doc__), cls=_CLASSES.get(_command))(guarded(_command))


def _add_group(name: str, help_text: str, commands: dict[str, Callable[..., None]]) -> None:
    """Add commands that stand under one name."""
    group = typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="rich")
    for command, function in commands.items():
        group.command(command, help=_help(function.__doc__))(guarded(function))
    app.add_typer(group, name=name)


_add_group(
    "memory",
    "Look into a translation memory; take TMX files into it and write them.",
    {"import": import_tmx, "export": export_tmx, "info": info},
)
_add_group(
    "models",
    "List the installed models; add, remove and verify them.",
    {"list": list_models, "add": add_model, "remove": remove_model, "verify": verify_models},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"octavo {octavo.__version__} (Python {platform.python_version()})")
        raise typer.Exit


def octavo_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="The version is printed, and nothing else is done.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Translate text in 8-bit integers on ordinary CPUs: train, quantize, translate, measure.

    OCTAVO_DEBUG=1 prints a traceback with every error; OCTAVO_ISA=NAME forces the CPU instructions to use,
    one of those that "octavo doctor" lists as available.

        octavo translate "A man rides a bicycle."
        octavo translate -i talk.en -o talk.de
        octavo evaluate --source test.en --reference test.de
        octavo COMMAND --help
    """


app.callback(help=_help(octavo_command.__doc__))(octavo_command)

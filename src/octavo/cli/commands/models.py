"""``octavo models``: which models are installed; new ones come, others go, all are checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from octavo.cli.options import JsonOption
from octavo.cli.terminal.failures import BAD_INPUT, how_to_convert, note
from octavo.cli.terminal.json_output import print_json
from octavo.cli.terminal.signals import raising_on_interrupt
from octavo.cli.terminal.stages import byte_stages
from octavo.errors import ModelError, printable
from octavo.languages import MANY_LANGUAGES

if TYPE_CHECKING:
    from octavo.catalog import Installed
    from octavo.catalog.found import FoundModel

_GIB: Final = 1 << 30
_WIDEST: Final = 10_000  # columns: paths are not broken


def list_models(as_json: JsonOption = False) -> None:
    """List the installed models, the one in the box among them.

        octavo models list
        octavo models list --json
        OCTAVO_MODELS=/srv/models octavo models list

    They are kept in the folder that OCTAVO_MODELS names, or else in octavo/models in your data directory.
    """
    from octavo.catalog import installed, models_folder

    rows = [_described(model) for model in installed()]
    if as_json:
        print_json({"folder": printable(str(models_folder())), "models": rows})
    else:
        _print(rows)


def add_model(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PATH|URL",
            help="A model directory, an archive of one (.tar, .tar.gz, .tar.xz, .tar.zst or .zip), or the "
            "http or https URL of such an archive.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The model is called NAME. The default is the name of the directory or of the archive.",
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            "--sha256",
            metavar="HEX",
            help="The archive must have this checksum. The word beside takes it from the file URL.sha256.",
        ),
    ] = None,
    max_size: Annotated[
        float,
        typer.Option(
            "--max-size",
            metavar="GIB",
            min=0.0001,
            max=1024,
            help="At most so many GiB are downloaded, and at most so many unpacked.",
        ),
    ] = 4,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="An installed model of the same name is replaced.")
    ] = False,
) -> None:
    """Install a model, so that commands and programs find it by its name or its languages.

    A download that breaks off, or is stopped with Ctrl-C, goes on where it was when the same command is
    given again. Everything is checked before the model appears; OCTAVO_OFFLINE=1 forbids any connection.

        octavo models add my-model
        octavo models add runs/en-fr/model --name en-fr
        octavo models add https://example.org/en-fr.tar.gz --sha256 beside
    """
    from octavo.catalog import ArchiveError, add

    with raising_on_interrupt(), byte_stages() as stages:
        try:
            model = add(
                source,
                name=name,
                overwrite=overwrite,
                sha256=sha256,
                most_bytes=int(max_size * _GIB),
                progress=stages,
            )
        except (ArchiveError, ModelError) as error:
            if told := how_to_convert(Path(source)):
                raise ModelError(told) from error
            raise
    print(f"{model.name}: installed ({_languages(model)}, {model.bytes / 1e6:,.1f} MB)")
    command = "generate" if model.description.config.is_language_model else "translate"
    note(f"`octavo {command} --model {model.name}` uses it")


def remove_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="NAME is that of an installed model.")],
) -> None:
    """Remove an installed model. The one in the box stays.

    octavo models remove en-fr
    octavo models list
    OCTAVO_MODELS=/srv/models octavo models remove en-fr
    """
    from octavo.catalog import remove

    remove(name)
    print(f"{printable(name)}: removed")


def verify_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="NAME is that of an installed model. Without it, all are read."),
    ] = None,
) -> None:
    """Read installed models as a whole, and say which are damaged: sizes, checksums, every tensor.

    It ends with exit code 2 where one is.

        octavo models verify
        octavo models verify en-de
        octavo models verify en-de en-fr
    """
    from octavo.catalog import CatalogError, installed, problem_of

    models = {model.name: model for model in installed()}
    unknown = [name for name in names or () if name not in models]
    if unknown:
        raise CatalogError(
            f"{unknown[0]}: no model of that name is installed; installed: {', '.join(models) or 'none'}"
        )
    damaged = 0
    for name in names or models:
        problem = problem_of(models[name])
        damaged += problem is not None
        print(f"{name}: OK" if problem is None else f"{name}: damaged: {printable(problem)}", flush=True)
    if damaged:
        raise typer.Exit(BAD_INPUT)


def _described(model: "Installed") -> dict[str, Any]:
    """A model as JSON has it."""
    row = {"name": printable(model.name), "path": printable(str(model.path)), "boxed": model.boxed}
    found = model.found
    if isinstance(found, ModelError):
        return row | {"problem": printable(str(found))}
    return row | {
        "source_language": found.source,
        "target_language": found.target,
        "languages": _languages_of(found),
        "language_model": found.description.config.is_language_model,
        "precision": found.precision,
        "scheme": str(found.description.scheme),
        "bytes": found.bytes,
    }


def _languages_of(model: "FoundModel") -> list[str] | None:
    """The codes of a model of several languages."""
    languages = model.description.languages
    return None if languages is None else list(languages.codes)


def _languages(model: "FoundModel") -> str:
    is_alone = model.description.config.is_language_model
    return _in_words(model.source, model.target, _languages_of(model), is_alone)


def _in_words(source: str, target: str, codes: Sequence[str] | None, is_language_model: bool) -> str:
    if is_language_model:
        return f"{target}, a language model"
    if codes is None:
        return f"{source} to {target}"
    several = f"{len(codes)} language{'s' * (len(codes) != 1)}"
    sides = [several if tag == MANY_LANGUAGES else tag for tag in (source, target)]
    return several if sides[0] == sides[1] == several else f"{sides[0]} to {sides[1]}"


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Name", "Languages", "Weights", box=None, pad_edge=False)
    table.add_column("Size", justify="right")
    table.add_column("Where")
    for row in rows:
        where = "in the box" if row["boxed"] else row["path"]
        if "problem" in row:
            table.add_row(row["name"], "", "damaged", "", where)
            continue
        names = ("source_language", "target_language", "languages", "language_model")
        pair = _in_words(*(row[name] for name in names))
        scheme = "float" if row["scheme"] == "none" else row["scheme"]
        table.add_row(row["name"], pair, scheme, f"{row['bytes'] / 1e6:,.1f} MB", where)
    console = Console(highlight=False, markup=False, soft_wrap=True, width=_WIDEST)
    console.print(table if rows else "no model is installed; `octavo models add PATH` or a URL installs one")
    for row in rows:
        if "problem" in row:
            note(f"{row['name']} is damaged; `octavo models verify {row['name']}` says what is wrong")

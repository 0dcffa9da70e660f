"""``octavo memory``: what a translation memory holds; TMX into it and out of it."""

import itertools
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

import octavo
from octavo.cli.options import JsonOption
from octavo.cli.terminal.failures import note
from octavo.cli.terminal.json_output import print_json
from octavo.cli.terminal.output import open_output
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.errors import counted, printable

_LINES_AT_ONCE: Final = 4096

MemoryOption = Annotated[
    Path, typer.Option("--memory", metavar="FILE", help="FILE is the translation memory.")
]
FromOption = Annotated[
    str, typer.Option("--from", metavar="LANGUAGE", help='LANGUAGE is that of the sources, say "en".')
]
ToOption = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="LANGUAGE",
        help='LANGUAGE is that of the translations, say "de", which takes "de-AT" too, or "de-AT" alone.',
    ),
]


def import_tmx(
    tmx: Annotated[Path, typer.Argument(metavar="TMX", help="TMX is the file that is read.")],
    memory: MemoryOption,
    source_language: FromOption,
    target_language: ToOption,
) -> None:
    """Take the translations of a TMX file into a memory, which is made where there is none.

    These are used with every model, and before what a model has made. One takes the place of an imported one
    of the same source. Inline codes that both languages have alike become marks; others are left out, and
    units whose placeholders differ are skipped. A file with an error changes nothing.

        octavo memory import project.tmx --memory my.db --from en --to de
        octavo memory import austria.tmx --memory my.db --from en --to de-AT
        octavo memory import old.tmx --memory my.db --from en-GB --to de
    """
    from octavo.memory import TranslationMemory
    from octavo.memory.tmx import TmxReader

    size = tmx.stat().st_size if tmx.is_file() else None
    with line_progress("Reading", size, shown=is_terminal(sys.stderr)) as advance:
        reader = TmxReader(
            tmx, source_language=source_language, target_language=target_language, advance=advance
        )
        with TranslationMemory.open(memory) as opened:
            new, replaced = opened.add_imported(
                reader.pairs(), source_language=source_language, target_language=target_language
            )
    print(
        f"{counted(reader.units, 'unit')}: {counted(new, 'new translation')}, {replaced:,} in the "
        "place of others"
    )
    for reason, count in reader.skipped.most_common():
        note(f"{counted(count, 'unit')} {reason}: skipped")


def export_tmx(
    tmx: Annotated[Path, typer.Argument(metavar="TMX", help="TMX is written; - stands for standard output.")],
    memory: MemoryOption,
    source_language: FromOption,
    target_language: ToOption,
) -> None:
    """Write the translations of a memory as TMX 1.4, imported ones first.

    Each unit says where it is from (x-origin: imported or machine), and which model made it (x-model).

        octavo memory export all.tmx --memory my.db --from en --to de
        octavo memory export austria.tmx --memory my.db --from en --to de-AT
        octavo memory export - --memory my.db --from en --to de | gzip > all.tmx.gz
    """
    from octavo.memory import TranslationMemory
    from octavo.memory.tmx_writer import TmxWriter

    writer = TmxWriter(source_language=source_language, version=octavo.__version__)
    with TranslationMemory.open(memory, read_only=True) as opened, open_output(tmx) as output:
        entries = opened.entries(source_language=source_language, target_language=target_language)
        lines = writer.lines(entries)
        while block := list(itertools.islice(lines, _LINES_AT_ONCE)):
            output.write(block)
    note(f"{counted(writer.written, 'translation')} written")
    if writer.skipped:
        note(f"{writer.skipped:,} hold characters that XML cannot hold: skipped")


def info(memory: MemoryOption, as_json: JsonOption = False) -> None:
    """Show what a memory holds: translations by origin, languages and model.

    octavo memory info --memory my.db
    octavo memory info --memory my.db --json
    octavo memory info --memory /shared/team.db
    """
    from octavo.memory import TranslationMemory

    with TranslationMemory.open(memory, read_only=True) as opened:
        holdings = opened.holdings()
    size = memory.stat().st_size
    if as_json:
        described = [
            {
                "origin": str(held.origin),
                "languages": [held.source_language, held.target_language],
                "model": held.model,
                "options": held.options,
                "entries": held.entries,
            }
            for held in holdings
        ]
        print_json({"path": printable(str(memory)), "bytes": size, "holdings": described})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Origin", "From", "To", "Model", "Options", box=None, pad_edge=False)
    table.add_column("Translations", justify="right")
    for held in holdings:
        names = (held.origin, held.source_language, held.target_language, held.model[:12], held.options[:12])
        table.add_row(*map(printable, names), f"{held.entries:,}")
    console = Console(highlight=False, markup=False, soft_wrap=True)
    total = sum(held.entries for held in holdings)
    console.print(f"{printable(str(memory))}: {counted(total, 'translation')}, {size / 1e6:,.1f} MB")
    if holdings:
        console.print(table)

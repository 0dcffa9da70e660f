"""A document in, the same document out with its text translated."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from octavo.cli.commands.translate.lines import similar_notes
from octavo.cli.terminal.failures import note
from octavo.cli.terminal.output import open_output
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.documents import DocumentError, Format
from octavo.documents.formats import format_named, format_of
from octavo.errors import InputError, counted, printable

if TYPE_CHECKING:
    from octavo.translation import TranslatedDocument, TranslationOptions, Translator

LINES: Final = "lines"
"""The name of what is no document: lines in, lines out."""

_LISTED: Final = 5


class Document:
    """The document at ``path``, and the file that its translation goes to."""

    def __init__(self, path: Path, output: Path, chosen: Format, columns: Sequence[str]) -> None:
        self._path = path
        self._output = output
        self._format = chosen
        self._columns = columns

    def translate(
        self, translator: "Translator", options: "TranslationOptions", xml_rules: Path | None
    ) -> None:
        """Write the translation, and say on standard error what should be looked at."""
        rules = "" if xml_rules is None else _text_of(xml_rules)
        shown = is_terminal(sys.stderr)
        with (
            open_output(self._output) as output,
            line_progress("Translating", None, shown=shown) as advance,
        ):
            translated = translator.document(
                self._path,
                None,
                format_name=self._format.name,
                columns=self._columns,
                xml_rules=rules,
                progress=lambda done, _: advance(done, done),
                **options,
            )
            output.write_bytes(translated.content)
        _report(translated)


def chosen_document(
    texts: Sequence[str], source: Path | None, output: Path | None, name: str | None, columns: Sequence[str]
) -> Document | None:
    """The document that the command names; None where it names lines or texts.

    Raises DocumentError for an unknown format, InputError for a document that is not there, BadParameter
    where the output is missing.
    """
    path = source if source is not None else _named_by(texts, output, name)
    if path is None or name == LINES or (name is None and (source is not None and _holds_lines(source))):
        return None
    if str(path) == "-":
        raise typer.BadParameter(f"--format {name} needs a file: give its name with --input")
    chosen = format_named(name) if name else format_of(path)
    if not path.exists():
        raise InputError(f"{printable(str(path))}: no such file")
    if output is None:
        raise typer.BadParameter(
            f"{printable(str(path))} is a document ({chosen.name}); say with -o where its translation goes "
            f"(-o - is standard output), or --format {LINES} to translate plain lines"
        )
    written = _known_format(output)
    if name is None and written not in (None, chosen):
        raise typer.BadParameter(
            f"{printable(str(path))} is a document ({chosen.name}), and its translation is one of the same "
            f"format: give {printable(str(output))} the ending {path.suffix}"
        )
    return Document(path, output, chosen, columns)


def _named_by(texts: Sequence[str], output: Path | None, name: str | None) -> Path | None:
    """The file that a text of the command line names; None where it is a text."""
    if name not in (None, LINES):
        if len(texts) != 1:
            raise typer.BadParameter(f"--format {name} needs one file: give its name with --input")
        return Path(texts[0])
    documents = [text for text in texts if _known_format(Path(text)) and _is_file(text)]
    if len(texts) > 1 and documents and name is None:
        raise typer.BadParameter(
            f"{printable(documents[0])} is a document; documents are translated one by one: give it alone, "
            f"and say with -o where its translation goes; --format {LINES} translates its name"
        )
    if len(texts) != 1 or any(map(str.isspace, texts[0])):
        is_file = len(texts) == 1 and output is not None and _is_file(texts[0])
        return Path(texts[0]) if is_file else None
    path = Path(texts[0])
    if output is not None:
        return path if _is_file(texts[0]) or _known_format(path) else None
    return path if _is_file(texts[0]) and _known_format(path) else None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{printable(str(path))}: cannot be read: {reason}") from error


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or a null character
        return False


def _known_format(path: Path) -> Format | None:
    """The format that the ending of a file's name says; None where it says none."""
    try:
        return format_of(path)
    except DocumentError:
        return None


def _holds_lines(path: Path) -> bool:
    """Whether a file of --input is translated line by line unless --format says otherwise."""
    chosen = _known_format(path)
    return chosen is None or chosen.name == "txt"


def _report(translated: "TranslatedDocument") -> None:
    passages = translated.passages
    origins = [segment.origin for _, translation in passages for segment in translation.segments]
    recalled = sum(origin == "memory" for origin in origins)
    told = f"; the memory had {recalled} of {counted(len(origins), 'segment')}" if recalled else ""
    note(f"{counted(len(passages), 'passage')} translated{told}")
    for warning, places in translated.warnings.items():
        shown = "; ".join(places[:_LISTED])
        more = len(places) - _LISTED
        note(f"{shown}{f' and {more} more' if more > 0 else ''}: {warning}")
    for where, translation in passages:
        for similar in similar_notes(where, translation):
            note(similar)

"""Documents of other programs, read and written: with their own text, then with their letters in upper case.

    python benchmarks/document_round_trip.py auto /usr/share/doc
    python benchmarks/document_round_trip.py po translations/*.po

The first writing must give the bytes of the file, or those of every member of an archive. What the second one
gives is read again: it must have the same passages in upper case, with the same marks. ``auto`` takes the
formats by the endings of the names, and leaves out all other files. Prints a table, and then every file that
is not as it should be, with the reason; ``--most`` limits the files of each format.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import io
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.document_stand_ins import upper

from octavo.documents import Document, DocumentError, DocumentOptions, Format
from octavo.documents.formats import format_named, format_of
from octavo.text.parts import Kept, Mark, Part

BILINGUAL = {"xliff", "tmx"}
"""Formats whose translations stand beside their sources: read again, nothing is left to translate."""


@dataclasses.dataclass
class Tally:
    """What was found in the files of one format; ``wrong`` and ``refused`` name files with the reasons."""

    files: int = 0
    identical: int = 0
    upper: int = 0
    passages: int = 0
    seconds: float = 0.0
    bytes: int = 0
    refused: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files among ``paths`` and in folders among them, in order of their names."""
    for path in paths:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and not file.is_symlink())


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def same_document(before: bytes, after: bytes) -> bool:
    """Whether the bytes are the same, or else those of every member."""
    if before == after:
        return True
    return before[:2] == b"PK" and members(before) == members(after)


def comparable(parts: Sequence[Part]) -> tuple[str, collections.Counter[str]]:
    """The text of a passage, white space apart, and its marks."""
    text = "".join("".join(part.split()) for part in parts if isinstance(part, str))
    return text, collections.Counter(
        part.side.name if isinstance(part, Mark) else part.text
        for part in parts
        if isinstance(part, Mark | Kept)
    )


def difference(before: Document, after: Document) -> str | None:
    """How the second document is not the first in upper case; None if it is."""
    if len(before.passages) != len(after.passages):
        return f"{len(before.passages)} passages became {len(after.passages)}"
    for old, new in zip(before.passages, after.passages, strict=True):
        if comparable(upper(old.parts)) != comparable(new.parts):
            return f"{old.where}: {old.parts!r} became {new.parts!r}"[:400]
    return None


def difference_of_messages(before: bytes, after: bytes) -> str | None:
    """How a PO file's translations are not its messages in upper case, as polib reads them; or None."""
    import polib

    encoding = polib.detect_encoding(before)
    old, new = (polib.pofile(data.decode(encoding)) for data in (before, after))
    if [entry.msgid_with_context for entry in old] != [entry.msgid_with_context for entry in new]:
        return "other messages"
    for entry, translated in zip(old, new, strict=True):
        if entry.obsolete or entry.translated():
            wanted = entry.msgstr, entry.msgstr_plural, entry.flags
        else:
            forms = {
                index: entry.msgid_plural if index else entry.msgid for index in translated.msgstr_plural
            }
            raised = {index: upper([text])[0] for index, text in forms.items()}
            flags = [flag for flag in entry.flags if flag != "fuzzy"]
            wanted = "" if entry.msgid_plural else upper([entry.msgid])[0], raised, flags
        found = translated.msgstr, translated.msgstr_plural, translated.flags
        if found != wanted and upper([entry.msgid])[0] != entry.msgid:
            return f"line {translated.linenum}: {found!r} in place of {wanted!r}"[:400]
    return None


def difference_of_units(before: Document, after: Document) -> str | None:
    """How a bilingual document has other units left to translate than those without letters; or None."""
    unchanged = sum(upper(passage.parts) == passage.parts for passage in before.passages)
    if len(after.passages) == unchanged:
        return None
    return f"{len(after.passages)} units are not translated, and {unchanged} have no letters"


def stated_languages(data: bytes) -> DocumentOptions:
    """The languages that a bilingual document states, or English and German."""
    source = re.search(rb"""\b(?:source-language|srcLang|srclang)\s*=\s*["']([\w-]+)""", data)
    target = re.search(rb"""\b(?:target-language|trgLang)\s*=\s*["']([\w-]+)|"Language: ?(\w+)""", data)
    return DocumentOptions(
        source_language=source[1].decode() if source else "en",
        target_language=(target[1] or target[2]).decode() if target else "de",
    )


def try_file(path: Path, known: Format, tally: Tally) -> None:
    """Reads, writes and compares one file."""
    data = path.read_bytes()
    options = stated_languages(data) if known.name in {*BILINGUAL, "po"} else DocumentOptions()
    tally.files += 1
    started = time.perf_counter()
    try:
        document = known.read(data, options)
    except DocumentError as error:
        tally.refused.append(f"{path}: {error}")
        return
    passages = document.passages
    if same_document(data, document.write([None] * len(passages))) and same_document(
        data, document.write([passage.parts for passage in passages])
    ):
        tally.identical += 1
    else:
        tally.wrong.append(f"{path}: the identity gives other bytes")
    try:
        changed = document.write([upper(passage.parts) for passage in passages])
        if known.name == "po":
            wrong = difference_of_messages(data, changed)
        elif known.name in BILINGUAL:
            wrong = difference_of_units(document, known.read(changed, options))
        else:
            wrong = difference(document, known.read(changed, options))
    except DocumentError as error:
        wrong = f"in upper case: {error}"
    tally.seconds += time.perf_counter() - started
    tally.passages += len(passages)
    tally.bytes += len(data)
    if wrong:
        tally.wrong.append(f"{path}: {wrong}")
    else:
        tally.upper += 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("format", help="a format's name, or auto")
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders")
    parser.add_argument("--most", type=int, default=1_000_000, help="files of each format")
    arguments = parser.parse_args()
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    for path in files_of(arguments.paths):
        try:
            known = format_of(path) if arguments.format == "auto" else format_named(arguments.format)
        except DocumentError:
            continue
        if tallies[known.name].files < arguments.most:
            try_file(path, known, tallies[known.name])
    print("format      files  refused  identical  upper case  passages      MB  seconds")
    for name, tally in sorted(tallies.items()):
        print(
            f"{name:10} {tally.files:6} {len(tally.refused):8} {tally.identical:10} {tally.upper:11} "
            f"{tally.passages:9} {tally.bytes / 1e6:7.2f} {tally.seconds:8.1f}"
        )
    for name, tally in sorted(tallies.items()):
        for line in tally.wrong:
            print(f"{name} not as it should be: {line}")
        for line in tally.refused:
            print(f"{name} refused: {line}")


if __name__ == "__main__":
    main()

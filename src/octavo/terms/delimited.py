"""Glossaries as TSV and CSV: a term, its translation, and options, an entry a line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from octavo.errors import InputError, printable
from octavo.terms.entry import Entry

_EXACT = "exact"


def read_tsv(data: bytes, name: str) -> list[Entry]:
    """Entries of tab-separated columns; a line that begins with # is a comment."""
    rows = ((number, line.split("\t")) for number, line in _lines(data, name))
    return list(_entries(rows, name))


def read_csv(data: bytes, name: str) -> list[Entry]:
    """Entries of columns with commas between them, or semicolons, if the first line has no comma."""
    lines = _lines(data, name)
    first = next((line for _, line in lines if line.strip()), "")
    delimiter = ";" if ";" in first and "," not in first else ","
    numbers: list[int] = []

    def texts() -> Iterator[str]:
        for number, line in lines:
            numbers.append(number)
            yield line

    def rows() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        try:
            for row in reader:
                yield numbers[-1], row
        except csv.Error as error:
            raise InputError(f"{name}: line {numbers[-1]}: not valid CSV: {error}") from error

    return list(_entries(rows(), name))


def _lines(data: bytes, name: str) -> list[tuple[int, str]]:
    """The lines, counted from 1, without blank ones and comments. Raises InputError where one is no UTF-8."""
    found = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{name}: line {number}: not UTF-8; save the file as UTF-8") from error
        if text.strip() and not text.startswith("#"):
            found.append((number, text))
    return found


def _entries(rows: Iterable[tuple[int, list[str]]], name: str) -> Iterator[Entry]:
    for at, (number, row) in enumerate(rows):
        cells = [cell.strip() for cell in row]
        if at == 0 and [cell.lower() for cell in cells[:2]] == ["source", "target"]:
            continue
        place = f"{name}: line {number}"
        if len(cells) > 3:
            raise InputError(
                f"{place}: has {len(cells)} columns; an entry has a source, a target and, if need be, options"
            )
        source, targets, options = (*cells, "", "")[:3]
        if options not in ("", _EXACT):
            raise InputError(
                f"{place}: unknown option {printable(options)!r}; the only one is {_EXACT!r}: only the same "
                "capital and small letters match"
            )
        alternatives = tuple(target.strip() for target in targets.split("|")) if targets else ()
        yield Entry(source, alternatives, exact_case=options == _EXACT, place=place)

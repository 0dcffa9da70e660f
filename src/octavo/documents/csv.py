"""CSV and TSV: cells that hold text are passages; all other cells, quotes and line breaks stay.

The first row has the names of the columns and stays, if a column is given by such a name, or if the row looks
like one: short names that differ, none of them a number or a sentence.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Final

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.spliced_text import Place, SplicedDocument
from octavo.documents.string_place import string_place

_DELIMITERS: Final = ",;\t|"
_SNIFFED_CHARACTERS: Final = 64 * 1024
_MOST_WORDS_OF_A_NAME: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class _Cell:
    """A cell, rows and columns counted from 0; what is within its quotes is from ``start`` to ``end``."""

    row: int
    column: int
    start: int
    end: int
    quoted: bool
    text: str


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:
    """The passages of a file with one of ``, ; |`` or tabs between its cells, whichever makes the most of it.

    Raises DocumentError for a quote that is never closed, with its line, and for unknown columns.
    """
    text, encoding = decode(data)
    cells = list(_cells(text, _delimiter(text), is_strict=True))
    return SplicedDocument(text, encoding, _places(cells, options.columns, _delimiter(text), may_quote=True))


def read_tsv(data: bytes, options: DocumentOptions) -> SplicedDocument:
    """The passages of a file with tabs between its cells; a quote without end is a sign like others."""
    text, encoding = decode(data)
    cells = list(_cells(text, "\t", is_strict=False))
    may_quote = any(cell.quoted for cell in cells)
    return SplicedDocument(text, encoding, _places(cells, options.columns, "\t", may_quote))


def _delimiter(text: str) -> str:
    """The sign that breaks the fewest quotes, then cuts the most of the first rows alike; else a comma."""
    sample = text[:_SNIFFED_CHARACTERS]

    def merit(delimiter: str) -> tuple[int, int, int]:
        cells = list(_cells(sample, delimiter, is_strict=False))
        broken = sum(cell.text.startswith('"') and not cell.quoted for cell in cells)
        widths = collections.Counter(cell.row for cell in cells)
        width, rows = collections.Counter(widths.values()).most_common(1)[0] if widths else (1, 0)
        return (-broken, rows, width) if width > 1 else (-broken, 0, 0)

    return max(_DELIMITERS, key=merit)


def _cells(text: str, delimiter: str, is_strict: bool) -> Iterator[_Cell]:
    """All cells. An unclosed quote is an error, or with ``is_strict`` false a sign like others."""
    quoted = re.compile(rf'"((?:[^"]++|"")*+)"(?P<ends>(?=[{delimiter}\r\n]|\Z))?')
    bare = re.compile(rf"[^{delimiter}\r\n]*+")
    end_of_cell = re.compile(rf"{re.escape(delimiter)}|\r\n|\r|\n|\Z")
    position = row = column = 0
    may_be_quoted = True
    while True:
        found = quoted.match(text, position) if may_be_quoted else None
        if found and found["ends"] is not None:
            start, end = found.span(1)
            yield _Cell(row, column, start, end, quoted=True, text=found[1].replace('""', '"'))
        else:
            if text.startswith('"', position) and is_strict:
                line = text.count("\n", 0, position) + 1
                raise DocumentError(
                    f"line {line}: the quote of cell {column + 1} has no end before a {delimiter!r} or the "
                    "end of a line: write quotes within a cell twice"
                )
            # A search for the end of a quote that has none goes through all the text: it is the last.
            may_be_quoted = may_be_quoted and not (found is None and text.startswith('"', position))
            found = bare.match(text, position)
            assert found is not None  # noqa: S101 - it matches anything
            yield _Cell(row, column, *found.span(), quoted=False, text=found[0])
        ends = end_of_cell.match(text, found.end())
        if ends is None or ends.end() == found.end():
            return
        position = ends.end()
        row, column = (row, column + 1) if ends[0] == delimiter else (row + 1, 0)


def _places(
    cells: Sequence[_Cell], columns: Sequence[str], delimiter: str, may_quote: bool
) -> Iterator[Place]:
    head = [cell.text.strip() for cell in cells if cell.row == 0]
    chosen, has_head = _chosen_columns(cells, head, columns)
    for cell in cells:
        if cell.column not in chosen or (has_head and cell.row == 0):
            continue

        def written(string: str, cell: _Cell = cell) -> str:
            if cell.quoted:
                return string.replace('"', '""')
            if not re.search(rf'[{delimiter}\r\n]|^"', string):
                return string
            quoted = string.replace('"', '""')
            return f'"{quoted}"' if may_quote else " ".join(string.split())

        place = string_place(cell.start, cell.end, cell.text, written)
        if place:
            name = head[cell.column] if has_head and cell.column < len(head) else str(cell.column + 1)
            yield dataclasses.replace(place, where=f"row {cell.row + 1}, column {name}")


def _chosen_columns(
    cells: Sequence[_Cell], head: Sequence[str], columns: Sequence[str]
) -> tuple[set[int], bool]:
    """The columns to translate, from 0, and whether the first row has their names."""
    has_head = _looks_like_names(head) and cells[-1].row > 0
    if not columns:
        return _columns_with_text(cells), has_head
    chosen, width = set(), max(cell.column for cell in cells) + 1
    for column in columns:
        if column in head:
            chosen.add(head.index(column))
            has_head = True
        elif column.isascii() and column.isdigit() and 1 <= int(column) <= width:
            chosen.add(int(column) - 1)
        else:
            raise DocumentError(
                f"it has no column {column!r}: its first row has {', '.join(map(repr, head))}"
            )
    return chosen, has_head


def _looks_like_names(head: Sequence[str]) -> bool:
    return len(set(head)) == len(head) and all(
        re.search(r"[^\W\d]", name) and len(name.split()) <= _MOST_WORDS_OF_A_NAME and name[-1] not in ".!?"
        for name in head
    )


def _columns_with_text(cells: Sequence[_Cell]) -> set[int]:
    """The columns in which at least half of the cells with anything in them have a letter."""
    filled: collections.Counter[int] = collections.Counter()
    lettered: collections.Counter[int] = collections.Counter()
    for cell in cells:
        filled[cell.column] += bool(cell.text.strip())
        lettered[cell.column] += any(map(str.isalpha, cell.text))
    return {column for column, number in filled.items() if number and lettered[column] * 2 >= number}

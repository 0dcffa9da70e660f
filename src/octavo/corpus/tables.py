"""CSV and TSV with the names of the columns in the first row; the translation becomes the last column."""

from __future__ import annotations

import abc
import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from octavo.corpus.records import NOT_UTF8, Records
from octavo.corpus.rows import MOST_CHARACTERS, Columns, Fault, Text, checked
from octavo.corpus.streams import Lines, without_end
from octavo.errors import InputError, counted, printable
from octavo.text.clean import one_line

_DELIMITERS: Final = ",;\t|"


class _Table(Records):
    """Records of cells with a delimiter between them."""

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        self._index = 0
        self._width = 0

    def head(self, lines: Lines) -> bytes:
        record = next(self.split(lines), b"")
        self._learn(record)
        try:
            names = self._cells(record)
        except UnicodeDecodeError as error:
            raise InputError(f"{self.name}: its first row, the names of the columns, is not UTF-8") from error
        except csv.Error as error:
            raise InputError(f"{self.name}: its first row is no names of columns: {error}") from error
        source, target = self.columns.source, self.columns.target
        if not source:  # rows are only counted
            return b""
        if source not in names:
            known = ", ".join(printable(name) for name in names[:_LISTED])
            raise InputError(
                f"{self.name}: has no column {printable(source)!r}; its first row has {known or 'nothing'}. "
                "Name one of them with --column"
            )
        if names.count(source) > 1:
            raise InputError(f"{self.name}: has several columns {printable(source)!r}; give them other names")
        if target in names:
            raise InputError(
                f"{self.name}: has a column {printable(target)!r} already; name another with --target-column"
            )
        self._index, self._width = names.index(source), len(names)
        return self.output(record, target)

    def text(self, record: bytes) -> Text:
        try:
            cells = self._cells(record)
        except UnicodeDecodeError:
            return NOT_UTF8
        except csv.Error as error:
            return Fault(f"the row is not valid CSV: {error}")
        if len(cells) != self._width:
            return Fault(f"the row has {counted(len(cells), 'column')}, and the first row has {self._width}")
        return checked(cells[self._index])

    def output(self, record: bytes, translation: str | None) -> bytes:
        body = without_end(record)
        end = record[len(body) :] or b"\n"
        return body + self._delimiter().encode() + self._cell(translation or "").encode("utf-8") + end

    def _learn(self, head: bytes) -> None:
        """Look at the first row."""

    @abc.abstractmethod
    def _delimiter(self) -> str:
        """What stands between two cells."""

    @abc.abstractmethod
    def _cells(self, record: bytes) -> list[str]:
        """The cells of a record. Raises UnicodeDecodeError, csv.Error."""

    @abc.abstractmethod
    def _cell(self, text: str) -> str:
        """A text as a cell, quoted if need be."""


class Csv(_Table):
    """Cells may be quoted, and hold line breaks. What cuts the first row most often is the delimiter."""

    _sign = ","

    def split(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        csv.field_size_limit(MOST_CHARACTERS)
        taken: list[bytes] = []

        def texts() -> Iterator[str]:
            for line in lines:
                taken.append(line)
                yield line.decode("utf-8", "surrogateescape")

        rows = csv.reader(texts(), delimiter=self._sign, strict=True)
        while True:
            try:
                next(rows)
            except StopIteration:
                return
            except csv.Error:  # `text` says why
                pass
            record = b"" if b"" in taken else b"".join(taken)
            taken.clear()
            if not record or record.strip():
                yield record

    def _learn(self, head: bytes) -> None:
        text = head.decode("utf-8", "replace")
        self._sign = max(_DELIMITERS, key=lambda sign: len(next(csv.reader([text], delimiter=sign), [])))

    def _delimiter(self) -> str:
        return self._sign

    def _cells(self, record: bytes) -> list[str]:
        lines = (line.decode("utf-8") for line in io.BytesIO(record))
        return next(csv.reader(lines, delimiter=self._sign, strict=True), [])

    def _cell(self, text: str) -> str:
        if any(sign in text for sign in (self._sign, '"', "\r", "\n")):
            doubled = text.replace('"', '""')
            return f'"{doubled}"'
        return text


class Tsv(_Table):
    """Tabs between cells and lines between rows: no cell has either, and a quote is a sign like others."""

    def split(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        return (line for line in lines if not line or without_end(line))

    def _delimiter(self) -> str:
        return "\t"

    def _cells(self, record: bytes) -> list[str]:
        return without_end(record).decode("utf-8").split("\t")

    def _cell(self, text: str) -> str:
        return one_line(text)


_LISTED: Final = 20

"""Formats of records in a stream of bytes: lines of text, JSON lines, CSV and TSV.

The bytes of a record are never made again: a translation is put behind them or into them.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from octavo import interrupt
from octavo.corpus.rows import MOST_BYTES, MOST_ROWS, Columns, Fault, Rows, Span, Text
from octavo.corpus.streams import Lines, open_input, open_shard, packing, reading
from octavo.errors import InputError, printable
from octavo.text.file_kinds import kind_of

_FIRST_BYTES: Final = 4096
NOT_UTF8 = Fault("the line is not UTF-8")
TOO_LONG = Fault("the line is too long")


class Records(abc.ABC):
    """How the records of one file are told apart, read and written. ``path`` is for messages."""

    holds_place: ClassVar[bool] = False
    """Whether a row that fails has an output, so that rows stay side by side with their sources."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.name = printable(str(path))
        self.columns = columns

    def head(self, lines: Lines) -> bytes:  # noqa: ARG002 - most formats have none
        """Read what stands before the first record, and give what shards begin with. Raises InputError."""
        return b""

    def split(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The records, with their ends; b"" for one that is too long."""
        return iter(lines)

    @abc.abstractmethod
    def text(self, record: bytes) -> Text:
        """The text of a record that is not too long."""

    @abc.abstractmethod
    def output(self, record: bytes, translation: str | None) -> bytes:
        """The record with its translation; of a row that failed only where ``holds_place``."""


class RecordFormat:
    """A Format of records; ``kind`` is how they are read and written."""

    def __init__(self, name: str, kind: type[Records], ending: str) -> None:
        self.name = name
        self._kind = kind
        self._ending = ending

    def check(self, path: Path, columns: Columns) -> None:
        with reading(path), open_input(path) as stream:
            first = stream.read(_FIRST_BYTES)
        if kind := kind_of(first):
            raise InputError(f"{printable(str(path))}: is no {self.name} but {kind}")
        self.reader(path, columns).close()

    def spans(self, path: Path, file: int, rows_per_shard: int) -> Iterator[Span]:
        with reading(path):
            lines = Lines(open_input(path))
            try:
                records = self._kind(path, Columns("", ""))
                records.head(lines)
                yield from _spans(records, lines, file, rows_per_shard)
            finally:
                lines.close()

    def reader(self, path: Path, columns: Columns) -> RecordReader:
        return RecordReader(self._kind, path, columns)

    def writer(self, path: Path, source: Path, columns: Columns) -> RecordWriter:
        records = self._kind(source, columns)
        with reading(source):
            lines = Lines(open_input(source))
            try:
                head = records.head(lines)
            finally:
                lines.close()
        return RecordWriter(path, records, head)

    def ending(self, source: Path) -> str:
        return self._ending + packing(source)


def _spans(records: Records, lines: Lines, file: int, rows_per_shard: int) -> Iterator[Span]:
    row, rows, offset = 0, 0, lines.offset
    for _ in records.split(lines):
        rows += 1
        if rows % MOST_ROWS == 0:
            interrupt.check()
        if rows == rows_per_shard:
            yield Span(file, row, rows, offset)
            row, rows, offset = row + rows, 0, lines.offset
    if rows:
        yield Span(file, row, rows, offset)


class RecordReader:
    """Reads spans of a file of records."""

    def __init__(self, kind: type[Records], path: Path, columns: Columns) -> None:
        self._path = path
        self._records = kind(path, columns)
        self._head_offset = 0
        self._lines: Lines | None = None
        self._open()

    def read(self, span: Span) -> Iterator[Rows]:
        with reading(self._path):
            if self._lines is None or self._lines.offset > span.offset:
                self.close()
                self._open()
            lines = self._lines
            assert lines is not None  # noqa: S101 - it was opened
            lines.skip_to(span.offset)
            left = span.rows
            records = self._records.split(lines)
            while left:
                taken = _some(records, min(left, MOST_ROWS))
                if not taken:
                    raise InputError(f"{self._records.name}: has fewer rows than it had")
                left -= len(taken)
                yield Rows([self._records.text(record) if record else TOO_LONG for record in taken], taken)

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _open(self) -> None:
        with reading(self._path):
            self._lines = Lines(open_input(self._path))
            try:
                self._records.head(self._lines)
            except BaseException:
                self.close()
                raise


def _some(records: Iterator[bytes], most: int) -> list[bytes]:
    """The next records, at most so many, and so many bytes."""
    taken: list[bytes] = []
    size = 0
    for record in records:
        taken.append(record)
        size += len(record)
        if len(taken) == most or size >= MOST_BYTES:
            break
    return taken


class RecordWriter:
    """Writes a shard of records."""

    def __init__(self, path: Path, records: Records, head: bytes) -> None:
        self._records = records
        self._stream = open_shard(path)
        try:
            self._stream.write(head)
        except BaseException:
            self.abandon()
            raise

    def write(self, rows: Rows, translations: Sequence[str | None]) -> None:
        for text, record, translation in zip(rows.texts, rows.content, translations, strict=True):
            if self._records.holds_place or not isinstance(text, Fault):
                self._stream.write(self._records.output(record, translation))

    def finish(self) -> None:
        self._stream.close()

    def abandon(self) -> None:
        try:
            self._stream.close()
        except OSError:
            return

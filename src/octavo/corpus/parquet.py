"""Parquet: rows by batches; the translation becomes the last column, and all others keep their types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from octavo import interrupt
from octavo.corpus.rows import MOST_BYTES, MOST_ROWS, Columns, Fault, Rows, Span, checked
from octavo.corpus.streams import reading
from octavo.errors import InputError, printable

_ROW_GROUP_BYTES: Final = 64 << 20


class ParquetFormat:
    """The Format of Parquet files."""

    name = "parquet"

    def check(self, path: Path, columns: Columns) -> None:
        with _reading(path), _opened(path) as file:
            schema = file.schema_arrow
        name = printable(str(path))
        if schema.names.count(columns.source) > 1:
            raise InputError(
                f"{name}: has several columns {printable(columns.source)!r}; give them other names"
            )
        if columns.source not in schema.names:
            raise InputError(
                f"{name}: has no column {printable(columns.source)!r}; it has {', '.join(schema.names)}. "
                "Name one of them with --column"
            )
        if columns.target in schema.names:
            raise InputError(
                f"{name}: has a column {printable(columns.target)!r} already; name another with "
                "--target-column"
            )
        kind = schema.field(columns.source).type
        if not _is_text(kind):
            raise InputError(f"{name}: the column {printable(columns.source)!r} is {kind}, not text")

    def spans(self, path: Path, file: int, rows_per_shard: int) -> Iterator[Span]:
        with _reading(path), _opened(path) as opened:
            total = opened.metadata.num_rows
        for row in range(0, total, rows_per_shard):
            yield Span(file, row, min(rows_per_shard, total - row), 0)

    def reader(self, path: Path, columns: Columns) -> ParquetReader:
        return ParquetReader(path, columns)

    def writer(self, path: Path, source: Path, columns: Columns) -> ParquetWriter:
        with _reading(source), _opened(source) as file:
            schema = file.schema_arrow
        return ParquetWriter(path, schema, columns)

    def ending(self, source: Path) -> str:  # noqa: ARG002 - Parquet is packed inside
        return ".parquet"


class ParquetReader:
    """Reads spans of a Parquet file, whose row groups are decoded one after the other."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._column = columns.source
        with _reading(path):
            self._file = _opened(path)
        self._row = -1  # of the file, that `_batches` goes on with; -1 where they were not begun
        self._batches: Iterator[Any] = iter(())
        self._rest: Any = None  # of the batch that was taken last

    def read(self, span: Span) -> Iterator[Rows]:
        with _reading(self._path):
            if not 0 <= self._row <= span.row:
                self._begin(span.row)
            self._skip(span.row - self._row)
            left = span.rows
            while left:
                batch = self._take(left)
                left -= batch.num_rows
                yield Rows([checked(value) for value in batch.column(self._column).to_pylist()], batch)

    def close(self) -> None:
        self._batches = iter(())
        self._file.close()

    def _begin(self, row: int) -> None:
        """Start with the row group that holds the row."""
        metadata = self._file.metadata
        group = first = 0
        while first + metadata.row_group(group).num_rows <= row:
            first += metadata.row_group(group).num_rows
            group += 1
        groups = range(group, metadata.num_row_groups)
        size = sum(metadata.row_group(each).total_byte_size for each in groups)
        rows = sum(metadata.row_group(each).num_rows for each in groups)
        at_once = max(1, min(MOST_ROWS, MOST_BYTES * rows // max(1, size)))
        self._batches = self._file.iter_batches(batch_size=at_once, row_groups=list(groups))
        self._row, self._rest = first, None

    def _skip(self, rows: int) -> None:
        while rows:
            interrupt.check()
            rows -= self._take(rows).num_rows

    def _take(self, most: int) -> Any:
        """The next rows, of one batch."""
        batch = self._rest
        if batch is None:
            batch = next(self._batches, None)
            if batch is None:
                raise InputError(f"{printable(str(self._path))}: has fewer rows than it had")
        taken = batch.slice(0, most)
        self._rest = batch.slice(most) if batch.num_rows > most else None
        self._row += taken.num_rows
        return taken


class ParquetWriter:
    """Writes a shard with the columns, types and metadata of its source."""

    def __init__(self, path: Path, schema: Any, columns: Columns) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kind = schema.field(columns.source).type
        text = pa.large_string() if kind == pa.large_string() else pa.string()
        self._schema = schema.append(pa.field(columns.target, text))
        self._writer: Any = parquet.ParquetWriter(str(path), self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._bytes = 0

    def write(self, rows: Rows, translations: Sequence[str | None]) -> None:
        import pyarrow as pa

        batch = rows.content
        added = pa.array(list(translations), self._schema[-1].type)
        batch = pa.RecordBatch.from_arrays([*batch.columns, added], schema=self._schema)
        kept = [not isinstance(text, Fault) for text in rows.texts]
        if not all(kept):
            batch = batch.filter(pa.array(kept))
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        try:
            self._writer.close()
        except OSError:
            return

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._bytes = [], 0


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Failures to read as InputError, those of damaged data too."""
    with reading(path):
        try:
            yield
        except ValueError as error:  # pyarrow.ArrowInvalid
            raise InputError(f"{printable(str(path))}: cannot be read: {error}") from error


def _opened(path: Path) -> Any:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InputError(
            f'{printable(str(path))}: needs pyarrow, which is not installed: pip install "octavo[corpus]"'
        ) from None
    try:
        return parquet.ParquetFile(str(path), pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise InputError(f"{printable(str(path))}: is no Parquet file: {error}") from error


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    is_view = getattr(types, "is_string_view", lambda _: False)
    return bool(types.is_string(value) or types.is_large_string(value) or is_view(value))

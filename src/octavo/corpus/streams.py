"""Bytes of inputs, unpacked as they are read, and of shards, packed as they are written; lines in them."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from octavo.errors import InputError, printable
from octavo.regular_file import open_regular

PACKED: Final = (".gz", ".zst")
"""Endings of compressed files."""

MOST_LINE_BYTES: Final = 4 << 20
"""A longer line, or record, fails without being kept in memory."""

_BUFFER_BYTES: Final = 1 << 18
_GZIP_LEVEL: Final = 6
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Failures to read as InputError, with the name of the file."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(str(path))}: cannot be read: {reason}") from error


def open_input(path: Path) -> BinaryIO:
    """A file to read, unpacked where its name ends in .gz or .zst. Raises OSError; reading also EOFError and
    zlib.error, for a file that is damaged."""
    with open_regular(path):
        pass
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        packed = _arrow(path).CompressedInputStream(str(path), "zstd")
        return cast(BinaryIO, io.BufferedReader(packed, _BUFFER_BYTES))
    return path.open("rb", _BUFFER_BYTES)


def open_shard(path: Path) -> BinaryIO:
    """A new file to write, packed as the ending of its name says, to the same bytes each time."""
    plain = path.open("xb", _BUFFER_BYTES)
    if path.suffix == ".gz":
        return cast(BinaryIO, _Layers(gzip.GzipFile("", "wb", _GZIP_LEVEL, plain, mtime=0), plain))
    if path.suffix == ".zst":
        return cast(BinaryIO, _Layers(_arrow(path).CompressedOutputStream(plain, "zstd"), plain))
    return plain


class _Layers:
    """A compressor over a file, closed together."""

    def __init__(self, outer: Any, inner: BinaryIO) -> None:
        self._outer = outer
        self._inner = inner

    def write(self, data: bytes) -> int:
        self._outer.write(data)
        return len(data)

    def close(self) -> None:
        try:
            self._outer.close()
        finally:
            self._inner.close()


def _arrow(path: Path) -> Any:
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise InputError(
            f'{printable(str(path))}: needs pyarrow, which is not installed: pip install "octavo[corpus]"'
        ) from None
    return pa


class Lines:
    """An iterator of the lines of a stream, with their ends; b"" stands for one that is too long.

    ``offset`` counts the bytes that have been taken, the byte order mark of the file among them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._stream.readline(MOST_LINE_BYTES)
        if not line:
            raise StopIteration
        at_start = self.offset == 0
        self.offset += len(line)
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            self._pass_over()
            return b""
        return line.removeprefix(_BYTE_ORDER_MARK) if at_start else line

    def skip_to(self, offset: int) -> None:
        """Go on at a later offset."""
        if offset > self.offset and isinstance(self._stream, io.BufferedReader) and self._is_plain():
            self._stream.seek(offset)
            self.offset = offset
        while self.offset < offset:
            taken = self._stream.read(min(_BUFFER_BYTES, offset - self.offset))
            if not taken:
                raise EOFError("it is shorter than it was")
            self.offset += len(taken)

    def close(self) -> None:
        self._stream.close()

    def _pass_over(self) -> None:
        while line := self._stream.readline(MOST_LINE_BYTES):
            self.offset += len(line)
            if line.endswith(b"\n"):
                return

    def _is_plain(self) -> bool:
        return isinstance(getattr(self._stream, "raw", None), io.FileIO)


def without_end(line: bytes) -> bytes:
    """A line without its LF or CR LF."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def base_suffix(path: Path) -> str:
    """The ending of a name before that of compression, in small letters: ".jsonl" of "a.jsonl.zst"."""
    name = Path(path.stem) if path.suffix in PACKED else path
    return name.suffix.lower()


def packing(path: Path) -> str:
    """The ending of compression, or ""."""
    return path.suffix if path.suffix in PACKED else ""

"""What a compressed file may unpack to: weights shrink little, so one that grows much is no model."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.regular_file import open_regular

MAX_GROWTH: Final = 16
"""A compressed file becomes at most this many times as large, and ``_SLACK`` bytes more."""

_SLACK: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


def check_growth(path: Path, packed: int, unpacked: int) -> None:
    """Raise ConversionError where ``packed`` bytes would become ``unpacked``, far more than weights do."""
    if unpacked > MAX_GROWTH * packed + _SLACK:
        raise ConversionError(
            f"{path}: its {packed} bytes unpack to {unpacked} or more; weights do not shrink so much, so it "
            "is no model"
        )


@contextmanager
def open_unpacked(path: Path) -> Iterator[IO[bytes]]:
    """A plain file to read, or what is in one that ends in .gz, unpacked into a temporary file.

    Raises ConversionError, naming the file.
    """
    try:
        with open_regular(path) as stream:
            if path.suffix != ".gz":
                yield stream
                return
            with tempfile.TemporaryFile() as file:
                _unpack(path, stream, file)
                yield file
    except (OSError, EOFError, zlib.error) as error:
        raise ConversionError(f"{path}: cannot read ({error}); copy the file again") from error


def _unpack(path: Path, stream: IO[bytes], file: IO[bytes]) -> None:
    packed = path.stat().st_size
    with gzip.GzipFile(fileobj=stream) as unpacked:
        while chunk := unpacked.read(_CHUNK):
            interrupt.check()
            file.write(chunk)
            check_growth(path, packed, file.tell())
    file.seek(0)

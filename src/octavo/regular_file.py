"""Reading files that must be plain ones: a named pipe or a device might never end.

Standard library only; imports nothing of the package.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

LFS_POINTER: Final = "is a Git LFS pointer, not the file; run `git lfs pull` in its directory"

_LFS_POINTER_START: Final = b"version https://git-lfs.github.com/spec/"
_CHUNK_BYTES: Final = 1 << 20


def is_lfs_pointer(path: Path) -> bool:
    """Whether there stands, in place of a file, the pointer to it that Git LFS leaves until it is fetched."""
    try:
        return path.is_file() and read_regular(path, len(_LFS_POINTER_START)).startswith(_LFS_POINTER_START)
    except OSError:
        return False


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A file to read. Raises OSError, which names it, also where it is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # without it, a pipe waits for a writer
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            yield stream
    finally:
        os.close(descriptor)


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The content of a file, but no more than ``most_bytes`` + 1, so that a longer one shows.

    Raises OSError, which names the file, also where it is no regular file.
    """
    with open_regular(path) as stream:
        return read_bounded(stream, most_bytes)


def read_bounded(stream: IO[bytes], most_bytes: int) -> bytes:
    """What is left of a stream, but no more than ``most_bytes`` + 1.

    Memory is taken for what there is, not for what there may be.
    """
    parts = []
    left = most_bytes + 1
    while part := stream.read(min(left, _CHUNK_BYTES)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)

"""Standard output and standard error, under one rule for those that are closed or full.

A reader that closes standard output, as ``| head`` does, has got what it wanted: the command ends there with
exit code 0. Standard output that cannot be written for another reason ends it with exit code 2. Standard
error that cannot be written changes nothing: the message is lost, the exit code stays.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from octavo.errors import OutputError


class OutputClosed(Exception):
    """The reader of standard output, or of a pipe, wants no more."""


class _Descriptor(io.RawIOBase):
    """Bytes to a descriptor of the process. Once a write has failed, everything is taken and dropped."""

    def __init__(self, descriptor: int | None) -> None:
        super().__init__()
        self._descriptor = descriptor  # None: the process was started without it
        self._failed = False

    def fileno(self) -> int:
        """The descriptor. Raises OSError where there is none."""
        if self._descriptor is None:
            raise OSError(errno.EBADF, "it is closed")
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: object) -> int:
        """Write some of the bytes and return how many."""
        view = memoryview(data)  # type: ignore[arg-type]
        if not self._failed:
            try:
                return os.write(self.fileno(), view)
            except OSError as error:
                self._failed = True
                self._tell(error)
        return view.nbytes

    def _tell(self, error: OSError) -> None:
        """Ignore the error: there is nowhere left to report it."""


class _StandardOutput(_Descriptor):
    """The same, for results: the first write that fails raises OutputClosed or OutputError."""

    def _tell(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise OutputClosed from None
        raise OutputError(f"standard output: cannot be written: {error.strerror}") from error


@contextmanager
def standard_streams() -> Iterator[None]:
    """Put ``sys.stdout`` and ``sys.stderr`` under the rule while the block runs; flush them inside it."""
    before = sys.stdout, sys.stderr
    sys.stdout = _stream(_StandardOutput, sys.stdout)
    sys.stderr = _stream(_Descriptor, sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _stream(kind: type[_Descriptor], like: TextIO | None) -> TextIO:
    """A stream to the same place and in the same encoding as ``like``, whose bytes go through ``kind``."""
    if like is None:
        return io.TextIOWrapper(io.BufferedWriter(kind(None)), encoding="utf-8")
    if not isinstance(like, io.TextIOWrapper):
        return like
    try:
        raw = kind(like.fileno())
    except OSError:  # a buffer in memory
        return like
    return io.TextIOWrapper(
        raw if isinstance(like.buffer, io.RawIOBase) else io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=like.encoding,
        errors=like.errors,
        newline="\n",
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )

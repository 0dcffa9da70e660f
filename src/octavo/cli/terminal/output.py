"""Where translated lines go: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from octavo import durable, interrupt
from octavo.cli.terminal.streams import OutputClosed
from octavo.errors import OutputError


class ByteSink(Protocol):
    """What takes bytes, such as a binary file."""

    def write(self, data: memoryview, /) -> int:
        """Write some of the bytes, and say how many."""

    def flush(self) -> object:
        """Write what waits."""


class LineOutput:
    """Lines as UTF-8, every block flushed as it comes.

    ``lines`` counts the lines of input done, ``bytes`` those of their output; ``is_standard`` is True
    for standard output.
    """

    def __init__(self, stream: ByteSink, name: str, *, is_standard: bool = False) -> None:
        self.name = name
        self.is_standard = is_standard
        self.lines = 0
        self.bytes = 0
        self._stream = stream

    def write(self, lines: Sequence[str], inputs: int | None = None) -> None:
        """Write lines that stand for ``inputs`` lines of input (as many, by default), and flush.

        Raises OutputError, OutputClosed, or KeyboardInterrupt once the block is out.
        """
        self.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
        self.lines += len(lines) if inputs is None else inputs
        interrupt.check()

    def write_bytes(self, data: bytes) -> None:
        """Write bytes that are no lines, and flush. Raises OutputError or OutputClosed."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
            self._stream.flush()
        except BrokenPipeError:
            raise OutputClosed from None
        except OSError as error:
            raise _cannot_be_written(self.name, error) from error
        self.bytes += len(data)


@contextmanager
def open_output(path: Path | None) -> Iterator[LineOutput]:
    """Standard output where ``path`` is None or ``-``, else a file.

    A file is written beside its place, as a new NAME.partial (NAME.partial.2 where there is one, and so
    on), and renamed at the end. A failure or Ctrl-C leaves the lines done there and adds a note to the
    exception that says so. Raises OutputError at once where the place cannot be written.
    """
    if path is None or str(path) == "-":
        output = LineOutput(sys.stdout.buffer, "standard output", is_standard=True)
        with _notes(output, lambda: "on standard output"):
            yield output
    elif path.exists() and not path.is_file() and not path.is_dir():  # a device or a named pipe
        try:
            stream = path.open("wb", buffering=0)
        except OSError as error:
            raise _cannot_be_written(path, error) from error
        with stream:
            yield LineOutput(stream, str(path))
    else:
        yield from _whole_file(path)


def _whole_file(path: Path) -> Iterator[LineOutput]:
    place = path.resolve()
    if path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is a directory")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{path}: cannot be written: permission denied")
    with closing(_PartialFile(place, path)) as partial:
        output = LineOutput(partial, str(path))
        try:
            with _notes(output, lambda: f"in {partial.path if partial.path.exists() else path}"):
                yield output
                durable.rename(partial.made(), place)
        except BaseException:
            partial.keep(output.bytes if output.lines else 0)
            raise


class _PartialFile:
    """What becomes the file ``place``. It appears beside it with the first bytes: a run that is killed before
    leaves nothing. Raises OutputError, also at once where nothing can be written there."""

    def __init__(self, place: Path, name: Path) -> None:
        self._place = place
        self._name = name
        self.path, stream = _new_partial(place, name)
        stream.close()
        self.path.unlink()
        self._stream: BinaryIO | None = None

    def made(self) -> Path:
        """Its path, now that it is there."""
        if self._stream is None:
            self.path, self._stream = _new_partial(self._place, self._name)
            if self._place.exists():
                shutil.copymode(self._place, self.path)
        return self.path

    def write(self, data: memoryview, /) -> int:
        """Write some of the bytes, and say how many."""
        self.made()
        return self._stream.write(data) if self._stream else 0

    def flush(self) -> None:
        """Do nothing: writes are not buffered."""

    def keep(self, size: int) -> None:
        """Truncate the file to ``size`` bytes, such as to whole blocks; delete it where that is 0."""
        if self._stream is not None:
            self._stream.truncate(size)
            if not size:
                self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, which stays where it is."""
        if self._stream is not None:
            self._stream.close()


def _new_partial(place: Path, path: Path) -> tuple[Path, BinaryIO]:
    """A file of its own to write: one that is there may be a stopped run's, another's, or the input."""
    number = 1
    partial = place.with_name(f"{place.name}.partial")
    while True:
        try:
            return partial, partial.open("xb", buffering=0)
        except FileExistsError:
            number += 1
            partial = place.with_name(f"{place.name}.partial.{number}")
        except OSError as error:
            raise _cannot_be_written(path, error) from error


def _cannot_be_written(name: Path | str, error: OSError) -> OutputError:
    return OutputError(f"{name}: cannot be written: {error.strerror}")


@contextmanager
def _notes(output: LineOutput, place: Callable[[], str]) -> Iterator[None]:
    """Tell a failure or Ctrl-C where the lines done so far are."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if output.lines:
            done = "1 line is" if output.lines == 1 else f"{output.lines} lines are"
            error.add_note(f"{done} done, {place()}")
        raise

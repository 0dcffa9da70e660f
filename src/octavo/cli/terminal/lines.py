"""The lines of a file or a stream, read as they are taken; it can be asked whether the next has come."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from octavo.cli.terminal.signals import wait_for_input
from octavo.errors import InputError, printable
from octavo.languages import LanguageError
from octavo.text.file_kinds import kind_of

if TYPE_CHECKING:
    from octavo.translation import Translator

READ_BYTES: Final = 1 << 16

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LineInput:
    """An iterator of UTF-8 lines, without the LF or CR LF at their ends.

    ``total_bytes`` is None where no size is known; ``interactive`` is True where somebody types the lines. A
    line that is not UTF-8 raises InputError, naming it, and so does input that is no text at all.
    """

    def __init__(self, name: str, *, descriptor: int | None = None, lines: Iterable[bytes] = ()) -> None:
        self.name = name
        self._descriptor = descriptor  # None once all is read
        self._ready = deque(lines)
        self._rest: list[bytes] = []  # of a line whose end has not come
        self._given = 0
        self._is_file = False
        self.interactive = False
        self.total_bytes: int | None = sum(len(line) + 1 for line in self._ready)
        if descriptor is not None:
            status = os.fstat(descriptor)
            self._is_file = stat.S_ISREG(status.st_mode)
            self.total_bytes = status.st_size if self._is_file else None
            self.interactive = os.isatty(descriptor)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        while not self._ready and self._descriptor is not None:
            self._read(self._descriptor)
        if not self._ready:
            raise StopIteration
        raw = self._ready.popleft()
        self._given += 1
        if self._given == 1:
            if kind := kind_of(raw):
                raise InputError(f"{self.name}: is no plain text but {kind}")
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            return raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(self._not_utf8(error)) from error

    def waits(self) -> bool:
        """Whether the next line is still to come. Reads what is at hand."""
        while not self._ready and self._descriptor is not None:
            if not self._is_file and not _at_hand(self._descriptor):
                return True
            self._read(self._descriptor)
        return False

    def _read(self, descriptor: int) -> None:
        if not self._is_file:
            wait_for_input(descriptor)
        if chunk := os.read(descriptor, READ_BYTES):
            head, *others = chunk.split(b"\n")
            self._rest.append(head)
            for other in others:
                self._ready.append(b"".join(self._rest))
                self._rest = [other]
        else:
            self._descriptor = None
            if last := b"".join(self._rest):
                self._ready.append(last)

    def _not_utf8(self, error: UnicodeDecodeError) -> str:
        byte = error.object[error.start]
        return (
            f"{self.name}: line {self._given} is not UTF-8: byte 0x{byte:02x} at its byte {error.start + 1}. "
            "Convert the text first, for instance with: iconv -f LATIN1 -t UTF-8"
        )


@contextmanager
def open_lines(path: Path | None) -> Iterator[LineInput]:
    """The lines of a file, or of standard input where ``path`` is None or ``-``. Raises InputError."""
    if path is None or str(path) == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed; name a file with --input")
        yield LineInput("standard input", descriptor=sys.stdin.fileno())
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory; name a text file")
        yield LineInput(str(path), descriptor=descriptor)
    finally:
        os.close(descriptor)


def lines_of_texts(texts: Sequence[str], *, wrapped: bool = False) -> LineInput:
    """Texts of the command line as lines; a text with line feeds counts as several, unless it is wrapped."""
    encoded = map(os.fsencode, texts)
    return LineInput(
        "TEXT", lines=encoded if wrapped else [line for text in encoded for line in text.split(b"\n")]
    )


class ParagraphInput:
    """The paragraphs of wrapped text: lines up to a blank one, which is a paragraph of its own."""

    def __init__(self, lines: LineInput) -> None:
        self._lines = lines
        self.name = lines.name
        self._blank: str | None = None  # the line after the paragraph that was given last
        self.interactive = lines.interactive
        self.total_bytes = lines.total_bytes

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if (blank := self._blank) is not None:
            self._blank = None
            return blank
        paragraph = [next(self._lines)]
        if paragraph[0].strip():
            for line in self._lines:
                if not line.strip():
                    self._blank = line
                    break
                paragraph.append(line)
        return "\n".join(paragraph)

    def waits(self) -> bool:
        """Whether the next paragraph has not begun to come."""
        return self._blank is None and self._lines.waits()


def with_places(translator: Translator, lines: Iterable[str], name: str) -> Iterator[str]:
    """The lines, or paragraphs of several, of the input ``name``. Where a text may state its language, what
    is wrong with that is a LanguageError with the name and the line."""
    languages = translator.model.languages
    if languages is None or not languages.are_stated:
        yield from lines
        return
    number = 1
    for line in lines:
        try:
            if line.strip():
                translator.direction(text=line)
        except LanguageError as error:
            raise type(error)(f"{printable(name)}: line {number}: {error}") from error
        yield line
        number += line.count("\n") + 1


def _at_hand(descriptor: int) -> bool:
    """True when a read would not wait."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

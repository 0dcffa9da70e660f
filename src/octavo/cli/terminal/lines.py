"""Lines of a file or stream, in blocks of what is at hand, so that a slow writer is answered at once."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from octavo.cli.terminal.signals import wait_for_input
from octavo.errors import InputError

READ_BYTES: Final = 1 << 16
MAX_BLOCK_BYTES: Final = 1 << 20
FIRST_BLOCK_LINES: Final = 64
MAX_BLOCK_LINES: Final = 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LineInput:
    """UTF-8 lines that end in LF, CR LF or the end of input.

    ``total_bytes`` is None where no size is known; ``bytes_taken`` counts those of the blocks given;
    ``interactive`` is True where somebody types the lines.
    """

    def __init__(
        self,
        name: str,
        blocks: Iterator[list[bytes]],
        *,
        total_bytes: int | None = None,
        interactive: bool = False,
    ) -> None:
        self.name = name
        self.total_bytes = total_bytes
        self.interactive = interactive
        self.bytes_taken = 0
        self._blocks = blocks

    def blocks(self) -> Iterator[list[str]]:
        """Blocks of lines, without their ends: small ones first, then up to MAX_BLOCK_LINES.

        A line that is not UTF-8 raises InputError, naming it, once the lines before it were given.
        """
        number = 0
        for block in self._blocks:
            self.bytes_taken += sum(len(line) + 1 for line in block)
            lines: list[str] = []
            for raw in block:
                number += 1
                try:
                    lines.append(_decode(raw, first=number == 1))
                except UnicodeDecodeError as error:
                    if lines:
                        yield lines
                    raise InputError(self._not_utf8(number, error)) from error
            yield lines

    def _not_utf8(self, number: int, error: UnicodeDecodeError) -> str:
        byte = error.object[error.start]
        return (
            f"{self.name}: line {number} is not UTF-8: byte 0x{byte:02x} at its byte {error.start + 1}. "
            "Convert the text first, for instance with: iconv -f LATIN1 -t UTF-8"
        )


@contextmanager
def open_lines(path: Path | None) -> Iterator[LineInput]:
    """The lines of a file, or of standard input where ``path`` is None or ``-``. Raises InputError."""
    if path is None or str(path) == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed; name a file with --input")
        yield _lines_of(sys.stdin.fileno(), "standard input")
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a directory; name a text file")
        yield _lines_of(descriptor, str(path))
    finally:
        os.close(descriptor)


def lines_of_texts(texts: Sequence[str]) -> LineInput:
    """Texts of the command line as lines; a text with line feeds counts as several."""
    lines = [line for text in texts for line in os.fsencode(text).split(b"\n")]
    starts = range(0, len(lines), MAX_BLOCK_LINES)
    blocks = (lines[start : start + MAX_BLOCK_LINES] for start in starts)
    return LineInput("TEXT", blocks, total_bytes=sum(len(line) + 1 for line in lines))


def _lines_of(descriptor: int, name: str) -> LineInput:
    status = os.fstat(descriptor)
    total = status.st_size if stat.S_ISREG(status.st_mode) else None
    blocks = _blocks(descriptor, is_file=total is not None)
    return LineInput(name, blocks, total_bytes=total, interactive=os.isatty(descriptor))


def _blocks(descriptor: int, *, is_file: bool) -> Iterator[list[bytes]]:
    limit = FIRST_BLOCK_LINES
    lines: list[bytes] = []
    rest: list[bytes] = []
    while chunk := _read(descriptor, is_file=is_file):
        head, *others = chunk.split(b"\n")
        rest.append(head)
        for other in others:
            lines.append(b"".join(rest))
            rest = [other]
        while len(lines) >= limit:
            yield lines[:limit]
            del lines[:limit]
            limit = min(2 * limit, MAX_BLOCK_LINES)
        waiting = not is_file and not _at_hand(descriptor)
        if lines and (waiting or sum(map(len, lines)) >= MAX_BLOCK_BYTES):
            yield lines
            lines = []
    if last := b"".join(rest):
        lines.append(last)
    if lines:
        yield lines


def _read(descriptor: int, *, is_file: bool) -> bytes:
    if not is_file:
        wait_for_input(descriptor)
    return os.read(descriptor, READ_BYTES)


def _at_hand(descriptor: int) -> bool:
    """True when a read would not wait."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _decode(raw: bytes, *, first: bool) -> str:
    if first:
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
    return raw.removesuffix(b"\r").decode("utf-8")

"""What readers give and writers take: rows of a file, each with its text or why it has none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

MOST_ROWS: Final = 1024
"""Rows that are in memory, and translated, at once."""

MOST_BYTES: Final = 16 << 20
"""Fewer rows than ``MOST_ROWS`` are read at once where they take more bytes than this."""

MOST_CHARACTERS: Final = 1 << 20
"""A longer text fails: it is hardly one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be translated, in words for a person."""

    reason: str


Text = str | None | Fault
"""The text of a row. None is a missing value, which stays missing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """The rows of one shard: ``rows`` of the input ``file``, an index, from ``row`` on, counted from 0.

    ``offset`` is where they begin in the bytes of the input, unpacked; 0 where rows are found by number.
    """

    file: int
    row: int
    rows: int
    offset: int


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Successive rows: the text of each, and all of each in the form that the writer of the format takes."""

    texts: Sequence[Text]
    content: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """Which column, or field, is translated, and which one the translation goes to."""

    source: str
    target: str


class Reader(Protocol):
    """An input open for reading. Spans that come in the order of the file are read in one go."""

    def read(self, span: Span) -> Iterator[Rows]:
        """The rows of a span. Raises InputError where the file cannot be read."""

    def close(self) -> None:
        """Close the file."""


class Writer(Protocol):
    """A shard under way."""

    def write(self, rows: Rows, translations: Sequence[str | None]) -> None:
        """Add rows with their translations. A row whose text is a Fault has None, and is left out, or has an
        empty line where lines stand for rows. Raises OSError."""

    def finish(self) -> None:
        """Write what is left, and close the file. Raises OSError."""

    def abandon(self) -> None:
        """Close the file, whatever it has."""


class Format(Protocol):
    """A format of inputs and of their shards."""

    name: str

    def check(self, path: Path, columns: Columns) -> None:
        """Raise InputError where the file has no such column, or has the target's already."""

    def spans(self, path: Path, file: int, rows_per_shard: int) -> Iterator[Span]:
        """Cut the file into spans; reads what is needed of it. Raises InputError."""

    def reader(self, path: Path, columns: Columns) -> Reader:
        """Open an input. Raises InputError."""

    def writer(self, path: Path, source: Path, columns: Columns) -> Writer:
        """Begin a shard at ``path`` of rows of the input ``source``. Raises OSError, InputError."""

    def ending(self, source: Path) -> str:
        """How the name of a shard ends, such as ".jsonl.zst"."""


def too_long(length: int, what: str = "characters") -> Fault:
    """The fault of a text of so many characters, or bytes."""
    return Fault(f"the text is too long: it has {length:,} {what}, and the most are {MOST_CHARACTERS:,}")


def checked(value: object) -> Text:
    """The text that a value is, or why it is none."""
    if value is None:
        return None
    if not isinstance(value, str):
        return Fault(f"the value is no text but {_KINDS.get(type(value), type(value).__name__)}")
    if len(value) > MOST_CHARACTERS:
        return too_long(len(value))
    if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
        return Fault("the text has half a character (a lone surrogate)")
    return value


_KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
}

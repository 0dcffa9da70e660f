"""The entries of a PO file with the places of their lines: GNU gettext manual, "The Format of PO Files"."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from octavo.documents.document import DocumentError
from octavo.documents.source_lines import Lines

_KEYWORD: Final = re.compile(r"[ \t]*(msgctxt|msgid_plural|msgid|msgstr(?:\[[0-9]{1,3}\])?)(?=[ \t\"])")
_STRING: Final = re.compile(r"[ \t]*\"((?:[^\"\\]|\\.)*+)\"")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclasses.dataclass
class Value:
    """A string of an entry: its text with escapes, and where its keyword begins and its last quote ends."""

    source: str
    start: int
    end: int

    @property
    def has_byte_escapes(self) -> bool:
        """Whether characters are written as the numbers of bytes."""
        return any(found[1] in "x01234567" for found in _ESCAPE.finditer(self.source))

    @property
    def text(self) -> str:
        """The text that is meant."""
        return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), self.source)


@dataclasses.dataclass
class Entry:
    """A message: ``line`` is that of its msgid, ``flags`` the place of the comment with its flags."""

    line: int = 0
    flags: tuple[int, int] | None = None
    values: dict[str, Value] = dataclasses.field(default_factory=dict)

    def translations(self) -> dict[str, Value]:
        """The values of msgstr, msgstr[0] and so on."""
        return {keyword: value for keyword, value in self.values.items() if keyword.startswith("msgstr")}


def entries_of(text: str) -> list[Entry]:
    """The entries in their order without obsolete ones. Raises DocumentError with line and column."""
    lines = Lines(text)
    entries: list[Entry] = []
    entry, value = Entry(), None
    for number in range(len(lines)):
        start, end = lines.span(number)
        line = text[start:end]
        if not line.strip():
            value = None
        elif line.lstrip().startswith("#"):
            value = None
            if entry.translations():
                entry = _finished(entry, entries)
            if line.lstrip().startswith("#,"):
                entry.flags = start, end
        else:
            keyword = _KEYWORD.match(line)
            if keyword:
                if keyword[1] in ("msgctxt", "msgid") and entry.translations():
                    entry = _finished(entry, entries)
                value = _begun(entry, keyword[1], number, start)
            elif value is None:
                raise _error(number, 0, "a keyword such as msgid was expected")
            _continue(value, line, keyword.end() if keyword else 0, number, start)
    if entry.values:
        _finished(entry, entries)
    return entries


def _begun(entry: Entry, keyword: str, number: int, start: int) -> Value:
    """The value of a keyword that stands where it may."""
    if keyword in entry.values:
        raise _error(number, 0, f"{keyword} stands there twice in one entry")
    if keyword.startswith("msgstr") and "msgid" not in entry.values:
        raise _error(number, 0, f"{keyword} has no msgid before it")
    if keyword.startswith("msgstr") and ("[" in keyword) != ("msgid_plural" in entry.values):
        raise _error(
            number,
            0,
            f"{keyword} does not fit an entry {'with' if '[' not in keyword else 'without'} a plural",
        )
    if keyword == "msgid":
        entry.line = number + 1
    value = entry.values[keyword] = Value("", start, start)
    return value


def _continue(value: Value, line: str, position: int, number: int, start: int) -> None:
    """Adds the strings of a line to a value."""
    if not line[position:].strip():
        raise _error(number, position, "a text in quotes was expected")
    while line[position:].strip():
        string = _STRING.match(line, position)
        if string is None:
            raise _error(number, position, 'a text in quotes was expected, each quote in it as \\"')
        value.source += string[1]
        position = string.end()
        value.end = start + position


def _finished(entry: Entry, entries: list[Entry]) -> Entry:
    """Adds a complete entry to the others; the next one."""
    if not entry.translations():
        raise DocumentError(f"line {entry.line or 1}: the entry has no msgstr: add one, which may be empty")
    entries.append(entry)
    return Entry()


def _error(number: int, column: int, what: str) -> DocumentError:
    return DocumentError(
        f"line {number + 1}, column {column + 1}: {what}: correct the line, as msgfmt --check does"
    )

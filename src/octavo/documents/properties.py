"""Java's .properties: every value with a letter is a passage; keys, comments and the order stay.

Java reads them as Latin-1 with escapes such as \\u00e9, newer Java as UTF-8. A file that is UTF-8 and not
ASCII stays so; in others a character that they cannot have becomes an escape. A translation is on one line.
Source: java.util.Properties.load.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Final

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import Encoding, decode, mark_of
from octavo.documents.source_lines import Lines
from octavo.documents.spliced_text import Place, SplicedDocument
from octavo.documents.string_place import string_place

_KEY: Final = re.compile(r"[ \t\f]*+(?:[^\\=: \t\f\r\n]|\\(?:\r\n|.))*+[ \t\f]*+[=:]?[ \t\f]*+", re.DOTALL)
_NO_ENTRY: Final = re.compile(r"[ \t\f]*(?:[#!]|\Z)")
_CONTINUED: Final = re.compile(r"(?<!\\)(?:\\\\)*+\\\Z")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(\r\n|\r|\n)[ \t\f]*+|(.?))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_ARGUMENT: Final = re.compile(r"\{[0-9]")


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError for an escape that is cut off."""
    text, encoding = _decode(data)
    highest = 0x7E if data.isascii() else 0xFF if encoding.codec == "iso8859-1" else 0x10FFFF
    return SplicedDocument(text, encoding, _places(text, highest))


def _decode(data: bytes) -> tuple[str, Encoding]:
    if mark_of(data):
        return decode(data)
    try:
        return decode(data)
    except DocumentError:
        return decode(data, "latin-1")


def _places(text: str, highest: int) -> Iterator[Place]:
    lines = Lines(text)
    number = 0
    while number < len(lines):
        start, end = lines.span(number)
        number += 1
        if _NO_ENTRY.match(text, start, end):
            continue
        line = start, end
        while _CONTINUED.search(text[slice(*line)]) and number < len(lines):
            line = lines.span(number)
            number += 1
        end = line[1]
        key = _KEY.match(text, start, end)
        value = key.end() if key else start
        source = text[value:end]
        string = _whole(_ESCAPE.sub(functools.partial(_unescaped, number), source))
        # A message with arguments writes an apostrophe as two.
        doubles = bool(_ARGUMENT.search(string)) and "'" in string and "'" not in string.replace("''", "")
        string = string.replace("''", "'") if doubles else string
        place = string_place(value, end, string, _writing(highest, doubles))
        if place:
            yield place


def _whole(string: str) -> str:
    """The string with each pair of surrogates as the one character that it is."""
    try:
        return string.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return string


def _unescaped(line: int, found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    if found[2] or not found[3]:
        return ""
    if found[3] == "u":
        raise DocumentError(f"line {line}: \\u must have four hexadecimal digits after it, as in \\u00e9")
    return _ESCAPED.get(found[3], found[3])


def _writing(highest: int, doubles: bool) -> Callable[[str], str]:
    """What writes a value, with characters up to ``highest`` as they are."""
    names = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f"}

    def character(sign: str) -> str:
        if sign in names:
            return names[sign]
        if ord(sign) <= highest and (sign.isprintable() or sign.isspace() or highest > 0xFF):
            return sign
        units = sign.encode("utf-16-be").hex()
        return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))

    def written(string: str) -> str:
        string = string.replace("'", "''") if doubles else string
        front = len(string) - len(string.lstrip(" "))
        return "\\ " * front + "".join(map(character, string[front:]))

    return written

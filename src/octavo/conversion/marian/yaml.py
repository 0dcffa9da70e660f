"""The YAML that Marian writes: settings and vocabularies, which are one flat mapping.

A value is a scalar, or a list of scalars as ``[a, b]`` or with a line for each. Keys and scalars are plain or
quoted; a key may stand behind ``? ``. What is deeper is refused, and so are anchors, tags and longer texts.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final, TypeAlias

from octavo.conversion.errors import ConversionError
from octavo.regular_file import read_regular

Value: TypeAlias = str | list[str]
"""Scalars as they are written, without quotes."""

MAX_BYTES: Final = 64 * 1024 * 1024

_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'")
_PLAIN_KEY: Final = re.compile(r"(.*?)(?=:(?: |$))")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
# An entry of a list in one line and its comma; each part gives nothing back, so that time is linear.
_FLOW_ITEM: Final = re.compile(
    r"""("(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'|(?!["'])[^,\]]*+)\s*+(?:,\s*+|(?=\]))"""
)
_NOT_PLAIN: Final = tuple("&*!|>%@`{[,#\"'")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_NAMED: Final = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    "_": "\xa0",
    "N": "\x85",
    "L": "\u2028",
    "P": "\u2029",
    **{character: character for character in ' "/\\'},
}


def read_yaml(path: Path) -> dict[str, Value]:
    """The mapping in a file. Raises ConversionError, naming the file and the line."""
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConversionError(f"{path}: larger than {MAX_BYTES} bytes, so it is not the file it should be")
    return parse_yaml(data, str(path))


def parse_yaml(data: bytes, where: str) -> dict[str, Value]:
    """The mapping in the bytes of a text; ``where`` names them in a ConversionError."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ConversionError(f"{where}: no UTF-8 text; copy the file again") from error
    parser = _Parser()
    for number, line in enumerate(lines, 1):
        try:
            parser.feed(line.rstrip("\r"))
        except ValueError as error:
            reason = f"line {number}: {error}"
            raise ConversionError(f"{where}: {reason}; only a flat mapping is read") from error
    return parser.found


class _Parser:
    def __init__(self) -> None:
        self.found: dict[str, Value] = {}
        self._key: str | None = None  # the one whose value, or more of it, may come in the next lines
        self._asked = False  # it stood behind "? "

    def feed(self, line: str) -> None:
        """Take one line. Raises ValueError."""
        stripped = line.strip(" \t")
        if not stripped or stripped[0] == "#" or line in ("---", "..."):
            return
        if stripped == "-" or stripped.startswith("- "):
            self._item(stripped[1:].strip())
        elif line.startswith("? "):
            key, rest = _scalar(stripped[2:].strip())
            self._begin(key, rest)
            self._asked = True
        elif self._asked:
            if not stripped.startswith(": "):
                raise ValueError("no value follows the key")
            self._asked = False
            self._set(stripped[2:].strip())
        elif line[0] in " \t":
            self._set(stripped)
        else:
            key, rest = _key(stripped)
            self._begin(key, "")
            if rest:
                self._set(rest)

    def _begin(self, key: str, rest: str) -> None:
        if rest:
            raise ValueError(f"{rest[:20]!r} follows a key")
        if key in self.found:
            raise ValueError(f"{key[:20]!r} comes twice")
        self.found[key] = ""
        self._key = key

    def _set(self, text: str) -> None:
        if self._key is None or self.found[self._key] != "":
            raise ValueError(f"{text[:20]!r} belongs to no key")
        self.found[self._key] = _flow_list(text) if text.startswith("[") else _whole_scalar(text)

    def _item(self, text: str) -> None:
        if self._key is None:
            raise ValueError("an entry of a list that has no key")
        items = self.found[self._key]
        if items == "":
            items = self.found[self._key] = []
        if not isinstance(items, list):
            raise ValueError("an entry of a list behind a value")
        items.append(_whole_scalar(text))


def _key(text: str) -> tuple[str, str]:
    """A key, and what follows its colon."""
    if text[0] in "\"'":
        key, rest = _scalar(text)
    else:
        found = _PLAIN_KEY.match(text)
        if not found or not found[1] or text.startswith(_NOT_PLAIN):
            raise ValueError("no key with a colon")
        key, rest = found[1].rstrip(), text[found.end() :]
    if rest != ":" and not rest.startswith(": "):
        raise ValueError("no colon follows the key")
    return key, rest[1:].strip()


def _whole_scalar(text: str) -> str:
    value, rest = _scalar(text)
    if rest and not rest.lstrip().startswith("#"):
        raise ValueError(f"{rest[:20]!r} follows a value")
    return value


def _scalar(text: str) -> tuple[str, str]:
    """A scalar without its quotes, and what follows the closing one."""
    if found := _DOUBLE.match(text):
        return _ESCAPE.sub(_unescaped, found[1]), text[found.end() :]
    if found := _SINGLE.match(text):
        return found[1].replace("''", "'"), text[found.end() :]
    plain = _COMMENT.sub("", text).rstrip()
    if plain.startswith(_NOT_PLAIN) or ": " in plain or plain.endswith(":"):
        raise ValueError(f"{plain[:20]!r} is no plain value")
    return plain, ""


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits is None:
        if found[4] not in _NAMED:
            raise ValueError(f"{found[0]!r} stands for nothing")
        return _NAMED[found[4]]
    code = int(digits, 16)
    if code > sys.maxunicode or 0xD800 <= code <= 0xDFFF:  # the latter are halves of characters
        raise ValueError(f"{found[0]!r} is no character")
    return chr(code)


def _flow_list(text: str) -> list[str]:
    items, at = [], len(text) - len(text[1:].lstrip())
    while not text.startswith("]", at):
        found = _FLOW_ITEM.match(text, at)
        if not found:
            raise ValueError("a list without end")
        item = found[1].strip()
        value, _ = _scalar(item)
        items.append(value if item.startswith(("'", '"')) else item)
        at = found.end()
    rest = text[at + 1 :].strip()
    if rest and not rest.startswith("#"):
        raise ValueError(f"{rest[:20]!r} follows a list")
    return items

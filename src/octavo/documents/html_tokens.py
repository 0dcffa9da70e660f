"""The tokens of HTML with their positions: the text between the first and the last is all of the source.

Parsers that follow the HTML standard (justhtml, html5lib, lxml) give no positions, and ``html.parser`` reads
broken input differently from one release of Python to the next, with some in more than linear time. So this
is our own. It follows section 13.2.5 of the standard as far as tags and text are told apart.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator
from typing import Final

from octavo.documents.html_elements import RAW


class Kind(enum.Enum):
    """What a token is. OTHER is a comment, a declaration, or what a browser drops; RAW a script's text."""

    TEXT = enum.auto()
    START = enum.auto()
    END = enum.auto()
    RAW = enum.auto()
    OTHER = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the source, ``start`` to ``end``. A tag has a name, in lower case."""

    kind: Kind
    start: int
    end: int
    name: str = ""
    closes_itself: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a tag, and the place of its value without quotes; ``quote`` is ``'``, ``"`` or none."""

    name: str
    start: int
    end: int
    quote: str


_SPACE: Final = r"\t\n\f\r "
_TAG_NAME: Final = re.compile(rf"[A-Za-z][^{_SPACE}/>]*+")
_NO_QUOTES: Final = re.compile(r"[^>\"']*+>")
# A name, and a value if there is one; an opened quote that is never closed matches no value.
_ATTRIBUTE: Final = re.compile(
    rf"[{_SPACE}/]*+(?P<name>[^{_SPACE}/>][^{_SPACE}/>=]*+)"
    rf"(?:[{_SPACE}]*+=[{_SPACE}]*+(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<bare>[^{_SPACE}>\"'][^{_SPACE}>]*+)"
    r"|(?=>)|(?P<unclosed>[\"'])))?+"
)
_TAG_END: Final = re.compile(rf"[{_SPACE}/]*+>")
_COMMENT_END: Final = re.compile(r"--!?>")
_SCRIPT_MARKS: Final = re.compile(rf"<!(?=--)|-->|<(?P<close>/?)script(?=[{_SPACE}/>])", re.IGNORECASE)


class Tokens:
    """Iterates over the tokens of ``text``. While ``foreign`` is set, inside SVG or MathML that is, elements
    have no raw text and there are CDATA sections."""

    def __init__(self, text: str) -> None:
        self.foreign = False
        self._text = text
        self._position = 0

    def __iter__(self) -> Iterator[Token]:
        text = self._text
        while self._position < len(text):
            token = (
                self._markup() if text.startswith("<", self._position) else self._characters(self._position)
            )
            self._position = token.end
            has_raw_text = token.kind is Kind.START and not self.foreign
            yield token
            if has_raw_text:
                yield from self._raw_text(token.name)

    def _characters(self, start: int) -> Token:
        end = self._text.find("<", max(start, self._position))
        return Token(Kind.TEXT, start, len(self._text) if end < 0 else end)

    def _markup(self) -> Token:
        text, start = self._text, self._position
        following = text[start + 1 : start + 3]
        if following[:1].isascii() and following[:1].isalpha():
            return self._tag(Kind.START, start + 1)
        if following[:1] == "/":
            if following[1:].isascii() and following[1:].isalpha():
                return self._tag(Kind.END, start + 2)
            if following == "/":  # the end of the text
                return Token(Kind.TEXT, start, len(text))
            return self._until(start, ">", start + 2)
        if following[:1] == "!":
            return self._declaration(start)
        if following[:1] == "?":
            return self._until(start, ">", start + 1)
        self._position += 1
        return self._characters(start)

    def _declaration(self, start: int) -> Token:
        text = self._text
        if not text.startswith("<!--", start):
            section = self.foreign and text.startswith("<![CDATA[", start)
            return self._until(start, "]]>" if section else ">", start + 2)
        if text.startswith(("<!-->", "<!--->"), start):
            return self._until(start, ">", start + 4)
        end = _COMMENT_END.search(text, start + 4)
        return Token(Kind.OTHER, start, end.end() if end else len(text))

    def _until(self, start: int, end: str, search_from: int) -> Token:
        found = self._text.find(end, search_from)
        return Token(Kind.OTHER, start, len(self._text) if found < 0 else found + len(end))

    def _tag(self, kind: Kind, name_start: int) -> Token:
        text, start = self._text, self._position
        name = _TAG_NAME.match(text, name_start)
        assert name is not None  # noqa: S101 - the caller saw its first letter
        end = _NO_QUOTES.match(text, name.end()) or _attributes_end(text, name.end())
        if end is None:  # the source ends in the tag, and a browser drops it
            return Token(Kind.OTHER, start, len(text))
        closes_itself = text[end.end() - 2] == "/" and not _ends_in_bare_value(text, name.end(), end.end())
        return Token(kind, start, end.end(), name[0].lower(), closes_itself)

    def _raw_text(self, name: str) -> Iterator[Token]:
        """The content of an element in which tags are text, its end tag not included."""
        start = self._position
        if name == "script":
            self._position = _script_end(self._text, start)
        elif name == "plaintext":
            self._position = len(self._text)
        elif name in RAW:
            end = re.compile(rf"</{name}(?=[{_SPACE}/>])", re.IGNORECASE).search(self._text, start)
            self._position = end.start() if end else len(self._text)
        if start < self._position:
            yield Token(Kind.TEXT if name == "title" else Kind.RAW, start, self._position)


def attributes(text: str, tag: Token) -> Iterator[Attribute]:
    """The attributes of a start tag of ``text`` in their order, those without a value left out."""
    name = _TAG_NAME.match(text, tag.start + 1)
    position = name.end() if name else tag.end
    while (found := _ATTRIBUTE.match(text, position, tag.end)) is not None:
        position = found.end()
        for group, quote in (("double", '"'), ("single", "'"), ("bare", "")):
            if found[group] is not None:
                yield Attribute(found["name"].lower(), found.start(group), found.end(group), quote)


def _attributes_end(text: str, position: int) -> re.Match[str] | None:
    """The end of the tag whose attributes begin at ``position``; None if the source ends before."""
    while (end := _TAG_END.match(text, position)) is None:
        found = _ATTRIBUTE.match(text, position)
        if found is None or found["unclosed"]:
            return None
        position = found.end()
    return end


def _ends_in_bare_value(text: str, start: int, end: int) -> bool:
    """Whether the slash before ``>`` belongs to a value without quotes, as in ``<a href=x/>``."""
    position, bare = start, False
    while (found := _ATTRIBUTE.match(text, position, end)) is not None:
        position, bare = found.end(), found["bare"] is not None
    return bare and position == end - 1


def _script_end(text: str, start: int) -> int:
    """Where the end tag of a script begins; a script within a comment within it has an end tag of its own."""
    in_comment = in_script = False
    for mark in _SCRIPT_MARKS.finditer(text, start):
        if mark[0] == "<!":
            in_comment = True
        elif mark[0] == "-->":
            in_comment = in_script = False
        elif not mark["close"]:
            in_script = in_script or in_comment
        elif in_script:
            in_script = False
        else:
            return mark.start()
    return len(text)

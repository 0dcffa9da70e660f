"""Text of HTML, and of its attributes: references decoded, and written again as the source writes them."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable
from typing import Final

from octavo.documents.html_tokens import Attribute
from octavo.documents.spliced_text import Cut, Place
from octavo.text.parts import Part, plain

_REFERENCE: Final = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
# In an attribute an ampersand with letters is no reference unless it ends like one: href="?a=1&copy=2".
_REFERENCE_IN_ATTRIBUTE: Final = re.compile(
    r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*+(?:;|(?!=)))"
)
_BLANK_REFERENCES: Final = ("&nbsp;", "&#160;", "&#xa0;", "&#xA0;")


def text_of(source: str) -> str:
    """What a reader sees of ``source``; a line break is one line feed."""
    return html.unescape(source.replace("\r\n", "\n")) if "&" in source or "\r" in source else source


def visible(text: str, start: int, end: int) -> tuple[int, int]:
    """Where ``text`` between ``start`` and ``end`` begins and ends without the white space around it."""
    while start < end:
        if text[start].isspace():
            start += 1
        elif text[start] == "&" and text.startswith(_BLANK_REFERENCES, start, end):
            start += 6
        else:
            break
    while start < end:
        if text[end - 1].isspace():
            end -= 1
        elif text[end - 1] == ";" and text.endswith(_BLANK_REFERENCES, start, end):
            end -= 6
        else:
            break
    return start, end


class Spelling:
    """How characters are written in a text: by a reference what its source writes by one, and ``& < >``."""

    def __init__(self, sources: Iterable[str], line_break: str, also: str = "") -> None:
        table = {"\n": line_break, "&": "&amp;", "<": "&lt;", ">": "&gt;"}
        table |= {character: html.escape(character) for character in also}
        for source in sources:
            for reference in _REFERENCE.findall(source):
                character = html.unescape(reference)
                if len(character) == 1 and not (
                    character.isascii() and (character.isalnum() or character.isspace())
                ):
                    table.setdefault(character, reference)
        self._table = str.maketrans(table)

    def write(self, text: str) -> str:
        """The source of ``text``."""
        return text.translate(self._table)


def attribute_value(text: str, attribute: Attribute) -> str:
    """The value of an attribute of a tag of ``text``."""
    source = text[attribute.start : attribute.end].replace("\r\n", "\n")
    return _REFERENCE_IN_ATTRIBUTE.sub(lambda found: html.unescape(found[0]), source)


def attribute_place(text: str, attribute: Attribute, line_break: str) -> Place | None:
    """The place of an attribute's value that is text to translate; None if it is blank."""
    start, end = visible(text, attribute.start, attribute.end)
    trimmed = dataclasses.replace(attribute, start=start, end=end)
    value = attribute_value(text, trimmed)
    if not value.strip():
        return None
    render = _AttributeWriter(text[start:end], attribute.quote, line_break).render
    return Place(start, end, (value,), render, wrapped=True, inner=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _AttributeWriter:
    """Writes the value of an attribute, in quotes if it had none."""

    source: str
    quote: str
    line_break: str

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:  # noqa: ARG002 - what every place takes
        quote = self.quote or '"'
        written = Spelling([self.source], self.line_break, also=quote).write(plain(parts))
        return written if self.quote else f'"{written}"'

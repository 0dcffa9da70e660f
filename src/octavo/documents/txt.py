"""Plain text: every line is a passage, or every paragraph of a text that is wrapped by hand.

White space around the text of a line stays. A wrapped paragraph ends at a blank line, and where a line begins
with a bullet or has another indentation than the one before. Its translation is as wide as it was.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator
from typing import Final

from octavo.documents.document import DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.source_lines import Lines
from octavo.documents.spliced_text import Cut, Place, SplicedDocument, line_break
from octavo.text.parts import Part, plain

_BULLET: Final = re.compile(r"\s*(?:[-*+•‣–]|\(?[0-9]{1,3}[.)])\s")  # noqa: RUF001 - a dash is meant
_NARROWEST_COLUMNS: Final = 40


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:
    """The passages of a text. Raises DocumentError if it is neither UTF-8 nor UTF-16."""
    text, encoding = decode(data)
    lines = Lines(text)
    return SplicedDocument(text, encoding, _paragraphs(lines) if options.wrapped else _lines(lines))


def _lines(lines: Lines) -> Iterator[Place]:
    for number in range(len(lines)):
        start, end = _core(lines.text, *lines.span(number))
        if start < end:
            writer = _Writer("", None, line_break(lines.text))
            yield Place(start, end, (lines.text[start:end],), writer.render)


def _core(text: str, start: int, end: int) -> tuple[int, int]:
    """The line without the white space around it."""
    line = text[start:end]
    return end - len(line.lstrip()), start + len(line.rstrip())


def _paragraphs(lines: Lines) -> Iterator[Place]:
    text, paragraph = lines.text, list[tuple[int, int]]()
    for number in range(len(lines)):
        start, end = lines.span(number)
        line = text[start:end]
        if paragraph and (not line.strip() or _begins_paragraph(lines, number, len(paragraph))):
            yield _paragraph(text, paragraph)
            paragraph = []
        if line.strip():
            paragraph.append((start, end))
    if paragraph:
        yield _paragraph(text, paragraph)


def _begins_paragraph(lines: Lines, number: int, lines_before: int) -> bool:
    """Whether a line begins another paragraph; the second line of one sets its indentation."""
    line, before = (lines.text[slice(*lines.span(each))] for each in (number, number - 1))
    is_indented_alike = lines_before == 1 or _indentation(line) == _indentation(before)
    return bool(_BULLET.match(line)) or not is_indented_alike


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _paragraph(text: str, spans: list[tuple[int, int]]) -> Place:
    cores = [_core(text, *span) for span in spans]
    start, end = cores[0][0], cores[-1][1]
    joined = "\n".join(text[first:last] for first, last in cores)
    width = max(last - first for (first, _), (_, last) in zip(spans, cores, strict=True))
    indentation = _indentation(text[slice(*spans[-1])])
    first_indentation = text[spans[0][0] : start]
    is_wrapped = len(spans) > 1
    layout = (len(first_indentation), max(width, _NARROWEST_COLUMNS)) if is_wrapped else None
    return Place(start, end, (joined,), _Writer(indentation, layout, line_break(text)).render, wrapped=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _Writer:
    """Writes a passage, wrapped with a ``layout``: the columns before its first line, and the width."""

    indentation: str
    layout: tuple[int, int] | None
    line_break: str

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:  # noqa: ARG002 - what every place takes
        if self.layout is None:
            return plain(parts).replace("\n", self.line_break)
        lines = textwrap.wrap(
            " ".join(plain(parts).split()),
            width=self.layout[1],
            initial_indent=" " * self.layout[0],
            subsequent_indent=self.indentation,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return self.line_break.join(lines)[self.layout[0] :]

"""Markdown, CommonMark with tables and ~~strikethrough~~: paragraphs, headings and cells are passages.

markdown-it-py finds the blocks and reads what is in them. Code, HTML blocks, front matter and the definitions
of links stay as they are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from octavo.documents.document import DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.md_inline import Piece, alternative_text, pieces_of
from octavo.documents.md_write import ParagraphWriter
from octavo.documents.source_lines import Lines, Logical
from octavo.documents.spliced_text import Place, SplicedDocument, line_break
from octavo.text.parts import Mark, Part, Side, merged, plain

_FRONT_MATTER: Final = re.compile(r"(?s)\A---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
# What GitHub puts in front of text: the box of a task, the label of a footnote.
_LABEL: Final = re.compile(r"(?:\[[ xX]\]|\[\^[^\]\s]+\]:)[ \t]+")
_CLOSING_SIGNS: Final = re.compile(r"[ \t]+#+[ \t]*\Z")
_CELL_END: Final = re.compile(r"(?<!\\)\|")
# Looking for the ends of links takes time that grows with the square of their number in one block.
_MOST_BRACKETS: Final = 5_000


def parser() -> MarkdownIt:
    """The parser of this format's Markdown. It leaves what is in the blocks to its ``inline``."""
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return found.disable(["text_join", "inline"])


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a page. Raises DocumentError if it is neither UTF-8 nor UTF-16."""
    text, encoding = decode(data)
    return SplicedDocument(text, encoding, _Reader(text).places())


class _Reader:
    """Reads the passages of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parser = parser()
        self._environment: dict[str, Any] = {}
        self._line_break = line_break(text)

    def places(self) -> Iterator[Place]:
        """The places of all passages."""
        front = _FRONT_MATTER.match(self._text)
        lines = Lines(self._text, front.end() if front else 0)
        tokens = self._parser.parse(self._text[lines.start :], self._environment)
        row = None
        for before, token in itertools.pairwise(tokens):
            if before.type == "tr_open" and before.map:
                row = _Row(lines, before.map[0])
            if token.type != "inline" or token.map is None:
                continue
            if before.type in ("td_open", "th_open"):
                logical = row.take(token.content) if row else None
            else:
                logical = _lines(lines, token, heading=before.type == "heading_open")
            if logical is not None and logical.text.count("[") <= _MOST_BRACKETS:
                yield from self._passages(logical, before.type)

    def _passages(self, logical: Logical, block: str) -> Iterator[Place]:
        tokens: list[Token] = []
        self._parser.inline.parse(logical.text, self._parser, self._environment, tokens)
        pieces = pieces_of(logical.text, tokens, self._environment)
        if pieces is None:
            return
        for piece in pieces:
            yield from self._alternative_texts(logical, piece)
        label = _LABEL.match(logical.text) if block == "paragraph_open" else None
        for first, group in enumerate(_between_breaks(pieces)):
            found = _core(group, label.end() if label and not first else 0)
            if found:
                yield self._place(logical, found, block)

    def _alternative_texts(self, logical: Logical, piece: Piece) -> Iterator[Place]:
        """The description of an image is a passage of its own."""
        found = alternative_text(logical.text, piece)
        if found is not None:
            start, end = logical.source(found[0]), logical.source_end(found[1])
            writer = ParagraphWriter(self._parser, self._environment, "image", {}, {}, (), "", " ")
            yield Place(start, end, (self._text[start:end],), writer.render, wrapped=True, inner=True)

    def _place(self, logical: Logical, pieces: Sequence[Piece], block: str) -> Place:
        sources: dict[Part, tuple[int, int]] = {
            piece.part: (logical.source(piece.start), logical.source_end(piece.end))
            for piece in pieces
            if not isinstance(piece.part, str)
        }
        rewritten: dict[Part, str] = {piece.part: piece.rewritten for piece in pieces if piece.rewritten}
        spelled = tuple((plain([piece.part]), piece.spelling) for piece in pieces if piece.spelling)
        start, end = logical.source(pieces[0].start), logical.source_end(pieces[-1].end)
        writer = ParagraphWriter(
            self._parser,
            self._environment,
            block,
            sources,
            rewritten,
            spelled,
            "\n" if block == "paragraph_open" else " ",
            self._line_break + logical.prefix if block == "paragraph_open" else " ",
        )
        return Place(start, end, merged(piece.part for piece in pieces), writer.render, wrapped=True)


def _lines(lines: Lines, token: Token, heading: bool) -> Logical | None:
    """A paragraph or a heading: its lines without what stands in front of them."""
    assert token.map is not None  # noqa: S101 - the caller asked
    found = []
    for number, content in enumerate(token.content.split("\n"), start=token.map[0]):
        start, end = lines.span(number)
        content = content.strip()
        source = lines.text[start:end].rstrip()
        if heading and not source.endswith(content):
            source = _CLOSING_SIGNS.sub("", source)
        if not source.endswith(content):
            return None  # such as a tab that is half of a prefix
        found.append((start + len(source) - len(content), end))
    found[-1] = found[-1][0], found[-1][0] + len(content)
    return Logical.of_lines(lines.text, lines.span(token.map[0])[0], found)


class _Row:
    """The cells of a table's row in line ``number``, taken one after the other."""

    def __init__(self, lines: Lines, number: int) -> None:
        start, end = lines.span(number)
        source = lines.text[start:end]
        ends = [*(found.start() for found in _CELL_END.finditer(source)), len(source.rstrip())]
        self._text = lines.text
        self._cells = [
            (start + first, start + last)
            for first, last in zip([0, *(each + 1 for each in ends)], ends, strict=False)
        ]
        self._next: int | None = None

    def take(self, content: str) -> Logical | None:
        """The next cell, which reads ``content``; None where it is not found."""
        source = content.replace("|", "\\|")
        if self._next is None:  # the first cell may be in front of the first bar, or behind it
            self._next = 0 if content and self._end_of(0, source) else 1
        end = self._end_of(self._next, source)
        self._next += 1
        if end is None:
            return None
        first = end - len(source)
        dropped = [first + bar.start() for bar in re.finditer(r"\\(?=\|)", source)]
        return Logical.without(self._text, first, end, dropped)

    def _end_of(self, number: int, source: str) -> int | None:
        """Where the text of a cell ends, if that is ``source``."""
        if number >= len(self._cells):
            return None
        start, end = self._cells[number]
        end = start + len(self._text[start:end].rstrip())
        return end if self._text.endswith(source, start, end) else None


def _between_breaks(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces in groups: a hard break that is in no element ends one."""
    group: list[Piece] = []
    depth = 0
    for piece in pieces:
        if isinstance(piece.part, Mark):
            depth += {Side.OPEN: 1, Side.CLOSE: -1, Side.PLACE: 0}[piece.part.side]
        if piece.is_break and not depth:
            yield group
            group = []
        else:
            group.append(piece)
    yield group


def _core(pieces: list[Piece], skipped: int) -> list[Piece]:
    """The pieces without what surrounds their text, and without the block's first ``skipped`` characters."""
    first, last = 0, len(pieces)
    while first < last:
        head, tail = pieces[first], pieces[last - 1]
        around = isinstance(head.part, Mark) and isinstance(tail.part, Mark) and head.part.id == tail.part.id
        if _is_outside(head) or head.end <= skipped:
            first += 1
        elif _is_outside(tail):
            last -= 1
        elif around:
            first, last = first + 1, last - 1
        else:
            break
    core = pieces[first:last]
    if core and isinstance(core[0].part, str) and not core[0].spelling:
        core[0] = core[0].without_front(max(skipped - core[0].start, 0))
    if core and isinstance(core[-1].part, str) and not core[-1].spelling:
        core[-1] = core[-1].without_back()
    text: list[Part] = [piece.part for piece in core if isinstance(piece.part, str)]
    return core if plain(text).strip() else []


def _is_outside(piece: Piece) -> bool:
    if isinstance(piece.part, str):
        return not piece.part.strip()
    return isinstance(piece.part, Mark) and piece.part.side is Side.PLACE

"""HTML pages and fragments: text between block elements is a passage, inline elements are marks in it.

No input fails but for its encoding: what browsers accept and what they repair is read as they read it.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Sequence
from typing import Final

from octavo.documents import html_elements as elements
from octavo.documents.document import DocumentOptions
from octavo.documents.encoded import Encoding, decode, mark_of
from octavo.documents.html_passages import Item, ItemKind, Notation, passages_of
from octavo.documents.html_text import Spelling, attribute_place, attribute_value, text_of
from octavo.documents.html_tokens import Kind, Token, Tokens, attributes
from octavo.documents.spliced_text import Place, SplicedDocument, SplicedText, line_break

_DECLARED: Final = re.compile(
    rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)|<meta\s[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)",
    re.IGNORECASE,
)
_DECLARED_WITHIN_BYTES: Final = 1024


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:
    """The passages of a page. Raises DocumentError if the bytes are not of its encoding."""
    text, encoding = _decode(data)
    places = _Reader(text, options.ignored_tags).places()
    return SplicedDocument(text, encoding, places, unencodable="xmlcharrefreplace")


def read_text(text: str, ignored_tags: Sequence[str] = ()) -> SplicedText:
    """The passages of a page or a fragment that is a string; its ``write_text`` gives one again."""
    return SplicedText(text, _Reader(text, ignored_tags).places())


def _decode(data: bytes) -> tuple[str, Encoding]:
    """Text and encoding of a page: as its byte order mark says, its declaration, or UTF-8.

    As in browsers, windows-1252 stands for Latin-1 and ASCII, and no page can state that it is UTF-16.
    """
    found = None if mark_of(data) else _DECLARED.search(data, 0, _DECLARED_WITHIN_BYTES)
    declared = (found[1] or found[2]).decode("ascii", "replace").lower() if found else None
    if declared and declared.startswith(("utf-16", "utf16")):
        declared = "utf-8"
    if declared in {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"}:
        undefined = b"\x81\x8d\x8f\x90\x9d"
        declared = "latin-1" if any(byte in data for byte in undefined) else "windows-1252"
    return decode(data, declared)


@dataclasses.dataclass(frozen=True, slots=True)
class _Element:
    """An open element: a block, or one that stays as it is, which becomes an item of ``kind``, or in that."""

    name: str
    start: int
    translated: bool
    kind: ItemKind | None = None


class _Reader:
    """Reads the passages of one text. It handles every token once, and drops every element once."""

    def __init__(self, text: str, ignored_tags: Sequence[str]) -> None:
        self._text = text
        self._ignored = frozenset(name.lower() for name in ignored_tags)
        self._line_break = line_break(text)
        self._notation = Notation(text_of, lambda sources: Spelling(sources, self._line_break).write)
        self._tokens = Tokens(text)
        self._places: list[Place] = []
        self._open: list[_Element] = []
        self._count: collections.Counter[str] = collections.Counter()
        # Where in self._open the inline element is whose content stays as it is, if there is one.
        self._opaque: int | None = None
        self._block_in_opaque = False
        self._run: list[Item] = []
        self._run_count: collections.Counter[str] = collections.Counter()  # its inline elements without end
        # Whether a tag of the run may have its counterpart in what stays as it is.
        self._tangled = False
        # Whether SVG or MathML was left without its end tag: browsers differ from us in what follows.
        self._foreign_unclosed = False

    def places(self) -> Sequence[Place]:
        """The places of all passages."""
        for token in self._tokens:
            if token.kind is Kind.START:
                self._start_tag(token)
            elif token.kind is Kind.END:
                self._end_tag(token)
            elif token.kind is Kind.TEXT:
                self._add(Item(ItemKind.TEXT, token.start, token.end))
            elif token.end < len(
                self._text
            ):  # what ends with the source may have no end, and must stay there
                self._add(Item(ItemKind.PLACE, token.start, token.end))
        self._close_to(0)
        self._end_passage()
        return self._places

    def _translated(self) -> bool:
        """Whether text that stands here is to be translated."""
        return self._opaque is None and (not self._open or self._open[-1].translated)

    def _add(self, item: Item) -> None:
        if self._translated():
            self._run.append(item)
            if item.kind is ItemKind.OPEN:
                self._run_count[item.name] += 1
            elif item.kind is ItemKind.CLOSE and self._run_count[item.name]:
                self._run_count[item.name] -= 1

    def _end_passage(self) -> None:
        run, self._run = self._run, []
        self._run_count.clear()
        self._places += passages_of(self._text, run, self._notation, self._tangled or self._foreign_unclosed)
        self._tangled = False

    def _start_tag(self, token: Token) -> None:
        block = token.name in elements.BLOCKS
        if block:
            self._end_elements_before(token.name)
        if self._tokens.foreign and self._opaque is not None and token.name in elements.ENDS_FOREIGN:
            self._close_to(self._opaque)
            self._tangled = True
        if self._opaque is not None:
            self._block_in_opaque |= block and not self._tokens.foreign
            if not (self._is_empty(token) or (token.closes_itself and self._tokens.foreign)):
                self._push(_Element(token.name, token.start, translated=False))
            return
        found = list(attributes(self._text, token))
        values = {each.name: attribute_value(self._text, each) for each in reversed(found)}
        stated = False if token.name in self._ignored else elements.translates(values)
        if self._translated() and stated is not False:
            read = elements.read_attributes(token.name, values)
            places = (
                attribute_place(self._text, each, self._line_break) for each in found if each.name in read
            )
            self._places += filter(None, places)
        if block:
            self._block(token, stated)
        else:
            self._inline(token, stated)

    def _block(self, token: Token, stated: bool | None) -> None:
        self._end_passage()
        if token.name not in elements.VOIDS:
            translated = self._translated() if stated is None else stated
            self._push(_Element(token.name, token.start, translated and token.name not in elements.SKIPPED))

    def _inline(self, token: Token, stated: bool | None) -> None:
        name, empty = token.name, self._is_empty(token)
        if not empty and (name in elements.SKIPPED or name in elements.KEPT or stated is False):
            kind = ItemKind.PLACE if name in elements.SKIPPED else ItemKind.KEPT
            self._push(_Element(name, token.start, translated=False, kind=kind))
            self._opaque = len(self._open) - 1
            self._block_in_opaque = False
            self._tell_tokens()
        else:
            self._add(Item(ItemKind.PLACE if empty else ItemKind.OPEN, token.start, token.end, name))

    def _is_empty(self, token: Token) -> bool:
        """Whether an element has no end tag. What its author closes in its start tag stays empty."""
        name = token.name
        may_close_itself = name in elements.FOREIGN or name not in elements.SKIPPED | elements.BLOCKS
        return name in elements.VOIDS or (token.closes_itself and may_close_itself)

    def _end_tag(self, token: Token) -> None:
        inside = self._opaque is not None
        if self._count[token.name]:
            index = len(self._open) - 1
            while self._open[index].name != token.name:
                index -= 1
            if index == self._opaque:
                self._close_opaque(token.end)
                return
            self._tangled |= inside and index + 1 < len(self._open)
            self._close_to(index)
        elif (
            self._tokens.foreign
            and self._opaque is not None
            and (token.name in elements.ENDS_FOREIGN or self._run_count[token.name])
        ):
            self._close_to(self._opaque)
            self._tangled = True
        elif inside:
            self._tangled = True
            self._block_in_opaque |= token.name in elements.BLOCKS and not self._tokens.foreign
        if inside and self._opaque is not None:
            return
        if token.name in elements.BLOCKS:
            self._end_passage()
        else:
            self._add(Item(ItemKind.CLOSE, token.start, token.end, token.name))

    def _push(self, element: _Element) -> None:
        self._open.append(element)
        self._count[element.name] += 1
        self._tell_tokens()

    def _close_opaque(self, end: int) -> None:
        """The end tag of what stays as it is. With a block in it, it is one itself."""
        if self._opaque is not None:
            element = self._open[self._opaque]
            inline = not self._block_in_opaque
            tangled = self._tangled or self._open[-1] is not element
            self._close_to(self._opaque, ends_passage=not inline, ended=True)
            self._tangled = tangled
            if inline:
                self._add(Item(element.kind or ItemKind.PLACE, element.start, end))

    def _close_to(self, length: int, ends_passage: bool = True, ended: bool = False) -> None:
        """Leaves ``length`` elements open. What stays as it is must stay where it is if it has no end.
        ``ended``: the first of the others has its end tag here."""
        closed = self._open[length:]
        del self._open[length:]
        self._foreign_unclosed |= not ended and any(each.name in elements.FOREIGN for each in closed)
        self._count.subtract(element.name for element in closed)
        if self._opaque is not None and self._opaque >= length:
            self._opaque = None
            if ends_passage:
                self._tangled = True
                self._end_passage()
        self._tell_tokens()

    def _tell_tokens(self) -> None:
        """Whether what follows is in SVG or MathML, and not in one of the places there that hold HTML."""
        foreign = self._opaque is not None and self._open[self._opaque].name in elements.FOREIGN
        within = foreign and any(self._count[each] for each in elements.HTML_WITHIN_FOREIGN)
        self._tokens.foreign = foreign and not within

    def _end_elements_before(self, name: str) -> None:
        """Ends what the start of a block ends, say the paragraph before a paragraph."""
        length = len(self._open)
        if self._opaque is not None:
            if self._open[self._opaque].kind is not ItemKind.KEPT:
                return
            length = self._opaque
        ended = elements.ended_by(name)
        index = length
        while index and self._open[index - 1].name in ended:
            index -= 1
        if index < length:
            self._close_to(index)

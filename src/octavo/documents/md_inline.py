"""What is inside a block of Markdown: the tokens of markdown-it-py with their places, which it does not give.

Each token is looked up where the one before it ended. A block in which one is not found is left alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Final

from markdown_it.common.utils import normalizeReference
from markdown_it.helpers import parseLinkDestination, parseLinkTitle
from markdown_it.token import Token

from octavo.text.parts import Kept, Mark, Part, Side

_SOFT_BREAK: Final = re.compile(r"[ \t]*\n[ \t]*")
_HARD_BREAK: Final = re.compile(r"(?:[ \t]*|\\)\n[ \t]*")
_LABEL: Final = re.compile(r"\[((?:[^\[\]\\]|\\.)*+)\]", re.DOTALL)
_FOOTNOTE: Final = re.compile(r"(\[\^[^\]\s]+\])")
_SPACES: Final = re.compile(r"[ \t\n]*")
_HTML_NAME: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part and its place in the block's text.

    ``spelling`` is the source of a character that is written by others; ``rewritten`` is what ends a link
    that has its text as its label, once the text is another.
    """

    part: Part
    start: int
    end: int
    spelling: str = ""
    is_break: bool = False
    rewritten: str = ""

    def without_front(self, number: int) -> Piece:
        """A text without its first characters, and without the white space that is then in front."""
        assert isinstance(self.part, str)  # noqa: S101 - the caller asked
        text = self.part[number:].lstrip()
        return dataclasses.replace(self, part=text, start=self.end - len(text))

    def without_back(self) -> Piece:
        """A text without the white space at its end."""
        assert isinstance(self.part, str)  # noqa: S101 - the caller asked
        text = self.part.rstrip()
        return dataclasses.replace(self, part=text, end=self.start + len(text))


def _opens(part: Part, closing: Part) -> bool:
    """Whether ``part`` is the mark that ``closing`` closes."""
    return isinstance(part, Mark) and isinstance(closing, Mark) and part == Mark(Side.OPEN, closing.id)


class NotFoundError(Exception):
    """A token is not where it must be."""


def pieces_of(text: str, tokens: Sequence[Token], environment: dict[str, Any]) -> list[Piece] | None:
    """The parts that ``tokens``, markdown-it-py's of ``text``, are; None where one is not found."""
    walk = _Walk(text, environment)
    try:
        for token in tokens:
            walk.take(token)
        walk.finish()
    except NotFoundError:
        return None
    return walk.pieces if walk.position == len(text) else None


class _Walk:
    """Goes through a block's text along its tokens."""

    def __init__(self, text: str, environment: dict[str, Any]) -> None:
        self.pieces: list[Piece] = []
        self.position = 0
        self._text = text
        self._environment = environment
        self._next_id = 1
        # The marks that are open: id, and the name of an HTML element or "".
        self._open: list[tuple[int, str, int]] = []
        self._autolink = 0

    def take(self, token: Token) -> None:
        """The pieces of one token."""
        kind = token.type
        if self._autolink and kind == "text":
            self._take_autolink()
        elif kind == "link_close" and token.markup == "autolink":
            self._autolink = 0
        elif kind == "text":
            self._take_text(token.content)
        elif kind == "text_special":
            self._add(token.content, token.markup, spelling=token.markup)
        elif kind == "softbreak":
            self._add("\n", self._match(_SOFT_BREAK))
        elif kind == "hardbreak":
            self._add_place(self._match(_HARD_BREAK), is_break=True)
        elif kind == "code_inline":
            self._take_code(token)
        elif kind == "html_inline":
            self._take_html(token.content)
        elif kind == "image":
            end = self._link_end(self.position + len(token.content) + 2)
            self._add_place(self._text[self.position : end])
        elif kind == "link_open" and token.markup == "autolink":
            self._autolink = 1
        elif kind == "link_open":
            self._open_mark("[")
        elif kind == "link_close":
            self._close_link()
        elif kind in ("em_open", "strong_open", "s_open"):
            self._open_mark(token.markup)
        elif kind in ("em_close", "strong_close", "s_close"):
            self._close_mark(token.markup)
        else:
            raise NotFoundError(kind)

    def _add(self, part: Part, source: str, spelling: str = "", is_break: bool = False) -> None:
        if not self._text.startswith(source, self.position):
            raise NotFoundError(source)
        end = self.position + len(source)
        self.pieces.append(Piece(part, self.position, end, spelling, is_break))
        self.position = end

    def _add_place(self, source: str, is_break: bool = False) -> None:
        self._add(Mark(Side.PLACE, self._new_id()), source, is_break=is_break)

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self.position)
        if found is None:
            raise NotFoundError(pattern.pattern)
        return found[0]

    def _open_mark(self, source: str, name: str = "") -> None:
        self._open.append((self._new_id(), name, len(self.pieces)))
        self._add(Mark(Side.OPEN, self._open[-1][0]), source)

    def _close_mark(self, source: str) -> None:
        while self._open and self._open[-1][1]:  # HTML that is not closed within the element
            self._give_up_html()
        if not self._open:
            raise NotFoundError(source)
        self._add(Mark(Side.CLOSE, self._open.pop()[0]), source)

    def _close_link(self) -> None:
        source = self._text[self.position : self._link_end(self.position)]
        self._close_mark(source)
        if source in ("]", "][]"):
            closed = self.pieces[-1]
            opened = next(piece for piece in reversed(self.pieces[:-1]) if _opens(piece.part, closed.part))
            label = self._text[opened.end : closed.start]
            self.pieces[-1] = dataclasses.replace(closed, rewritten=f"][{label}]")

    def _give_up_html(self) -> None:
        number, _, index = self._open.pop()
        self.pieces[index] = dataclasses.replace(self.pieces[index], part=Mark(Side.PLACE, number))

    def _take_text(self, content: str) -> None:
        for index, stretch in enumerate(_FOOTNOTE.split(content)):
            if index % 2:
                self._add_place(stretch)
            elif stretch:
                self._add(stretch, stretch)

    def _take_autolink(self) -> None:
        end = self._text.find(">", self.position) + 1
        source = self._text[self.position : end]
        if not source.startswith("<"):
            raise NotFoundError(source)
        self._add(Kept(source[1:-1], self._new_id()), source)

    def _take_code(self, token: Token) -> None:
        start = self.position + len(token.markup)
        run = re.compile(f"(?<!`){token.markup}(?!`)").search(self._text, start)
        if run is None:
            raise NotFoundError(token.markup)
        self._add(Kept(token.content, self._new_id()), self._text[self.position : run.end()])

    def _take_html(self, source: str) -> None:
        tag = _HTML_NAME.match(source)
        name = tag[2].lower() if tag else ""
        if tag and not tag[1] and not source.endswith("/>"):
            self._open_mark(source, name)
        elif tag and tag[1] and self._open and self._open[-1][1] == name:
            self._add(Mark(Side.CLOSE, self._open.pop()[0]), source)
        else:
            self._add_place(source)

    def finish(self) -> None:
        """HTML that is open at the end of the block is not closed in it."""
        while self._open:
            self._give_up_html()

    def _link_end(self, position: int) -> int:
        """Where the link or image ends whose text ends with the ``]`` at ``position``."""
        text = self._text
        if not text.startswith("]", position):
            raise NotFoundError("]")
        position += 1
        if text.startswith("(", position):
            end = self._target_end(position + 1)
            if end is not None:
                return end
        label = _LABEL.match(text, position)
        if label and (not label[1].strip() or self._defines(label[1])):
            return label.end()
        return position

    def _defines(self, label: str) -> bool:
        return normalizeReference(label) in self._environment.get("references", {})

    def _target_end(self, position: int) -> int | None:
        """Where ``destination "title")`` at ``position`` ends; None if it is something else."""
        text, end = self._text, len(self._text)

        def spaces(start: int) -> int:
            found = _SPACES.match(text, start)
            return found.end() if found else start

        position = spaces(position)
        destination = parseLinkDestination(text, position, end)
        if destination.ok:
            position = destination.pos
            after = spaces(position)
            title = parseLinkTitle(text, after, end)
            if title.ok and after > position:
                position = title.pos
        position = spaces(position)
        return position + 1 if text.startswith(")", position) else None


def alternative_text(text: str, piece: Piece) -> tuple[int, int] | None:
    """Where the description of an image is, if it is text without markup on one line."""
    source = text[piece.start : piece.end]
    if not isinstance(piece.part, Mark) or not source.startswith("!["):
        return None
    label = re.compile(r"!\[([^\[\]\\&<*_`~\n]*)\](?=\(|\[[^\]])").match(source)
    if label is None or not any(map(str.isalpha, label[1])):
        return None
    stripped = label[1].strip()
    start = piece.start + 2 + label[1].index(stripped)
    return start, start + len(stripped)

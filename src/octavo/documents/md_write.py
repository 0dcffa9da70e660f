"""Writes a passage of Markdown so that it reads as what it is meant to be."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt

from octavo.documents.md_inline import pieces_of
from octavo.documents.spliced_text import Cut
from octavo.text.parts import Mark, Part, Side, merged

_SIGNS: Final = re.compile(r"([\\`*_\[\]<>~|#]|&(?=#?\w+;)|^[+=-]|^\d+(?=[.)]))", re.MULTILINE)
_EMPHASIS: Final = {"*": "em", "_": "em", "**": "strong", "__": "strong"}
_LINES: Final = re.compile(r"[ \t]*\n\s*")
_SPACES: Final = re.compile(r"\s+")


@dataclasses.dataclass(frozen=True, slots=True)
class ParagraphWriter:
    """Writes the passage of a block of the kind ``block``, markdown-it-py's name of what opens it.

    ``sources`` are the places of its marks, ``rewritten`` what stands for some of them in a changed text,
    ``spellings`` its characters that the source writes by others.
    A line break in the translation is ``new_line`` in the block, and ``source_line`` in the document.
    """

    parser: MarkdownIt
    environment: dict[str, Any]
    block: str
    sources: Mapping[Part, tuple[int, int]]
    rewritten: Mapping[Part, str]
    spellings: Sequence[tuple[str, str]]
    new_line: str
    source_line: str

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:
        """The first of several ways to write the parts that is read as them; else the last."""
        marks = {part: cut(*place) for part, place in self.sources.items()}
        marks.update(self.rewritten)
        parts = merged(_one_block(merged(_spaces_outside(parts, marks))))
        spelled = str.maketrans(
            {character: source for character, source in self.spellings if len(character) == 1}
        )
        written = ""
        for escape, tags in ((False, False), (True, False), (True, True)):
            source = _with_tags(marks) if tags else marks
            texts = (
                source[part]
                if not isinstance(part, str)
                else _escaped(part)
                if escape
                else part.translate(spelled)
                for part in parts
            )
            written = self._on_lines("".join(texts))
            if self._reads_as(written, parts):
                break
        return written.replace("\n", self.source_line)

    def _on_lines(self, text: str) -> str:
        text = text.replace("\n", self.new_line)
        return _unbarred(text) if self.block in ("td_open", "th_open") else text

    def _reads_as(self, written: str, parts: Sequence[Part]) -> bool:
        """Whether the block's text ``written`` has these parts, ids aside."""
        if self.block == "image":
            return not _SIGNS.search(written)
        if self.block in ("paragraph_open", "heading_open"):
            source = written if self.block == "paragraph_open" else f"# {written}"
            blocks = self.parser.parse(source, dict(self.environment))
            if len(blocks) != 3 or blocks[0].type != self.block or blocks[1].content != written:
                return False
        text = written.replace("\\|", "|") if self.block in ("td_open", "th_open") else written
        tokens: list[Any] = []
        self.parser.inline.parse(text, self.parser, self.environment, tokens)
        pieces = pieces_of(text, tokens, self.environment)
        if pieces is None:
            return False
        return list(_signs(merged(piece.part for piece in pieces))) == list(_signs(parts))


def _one_block(parts: Sequence[Part]) -> list[Part]:
    """The parts without blank lines and white space at the ends, which would end the block."""
    kept = [_LINES.sub("\n", part) if isinstance(part, str) else part for part in parts]
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if kept and isinstance(text := kept[end], str):
            kept[end] = strip(text)
    return kept


def _escaped(text: str) -> str:
    return _SIGNS.sub(lambda found: "&amp;" if found[0] == "&" else _behind_a_backslash(found[0]), text)


def _behind_a_backslash(sign: str) -> str:
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


def _unbarred(text: str) -> str:
    """The text of a cell, which ends at a bar that has no backslash."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def _signs(parts: Sequence[Part]) -> Iterator[object]:
    """What of the parts a reading must have: the text, and of marks the side."""
    for part in parts:
        if isinstance(part, Mark):
            yield part.side
        else:
            yield _SPACES.sub(" ", part if isinstance(part, str) else part.text)


def _with_tags(marks: Mapping[Part, str]) -> dict[Part, str]:
    """The sources of marks, with emphasis as HTML, which may stand beside any character."""
    found = {}
    for part, source in marks.items():
        name = _EMPHASIS.get(source)
        slash = "/" if isinstance(part, Mark) and part.side is Side.CLOSE else ""
        found[part] = f"<{slash}{name}>" if name else source
    return found


def _spaces_outside(parts: Sequence[Part], marks: Mapping[Part, str]) -> list[Part]:
    """The parts with the white space at the inner ends of emphasis outside, since there it would end none."""
    moved: list[Part] = []
    owed = ""
    for part in parts:
        if isinstance(part, Mark) and part.side is Side.CLOSE and marks[part] in _EMPHASIS:
            if moved and isinstance(moved[-1], str):
                text = moved[-1]
                moved[-1] = text.rstrip()
                owed = text[len(moved[-1]) :] + owed
            moved.append(part)
            continue
        moved.append(owed)
        owed = ""
        first = len(moved)
        while isinstance(part, str) and first and _opens_emphasis(moved[first - 1], marks):
            first -= 1
        if isinstance(part, str) and first < len(moved):
            stripped = part.lstrip()
            moved.insert(first, part[: len(part) - len(stripped)])
            moved.append(stripped)
        else:
            moved.append(part)
    return [*moved, owed]


def _opens_emphasis(part: Part, marks: Mapping[Part, str]) -> bool:
    """Whether a part opens emphasis, or is nothing that stands between two that do."""
    if isinstance(part, Mark):
        return part.side is Side.OPEN and marks[part] in _EMPHASIS
    return part == ""

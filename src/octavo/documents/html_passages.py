"""From the text and the tags between two block elements to a passage with marks, and back."""

from __future__ import annotations

import collections
import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from octavo.documents.html_text import text_of, visible
from octavo.documents.html_tokens import Kind, Tokens
from octavo.documents.spliced_text import Cut, Place
from octavo.text.parts import Kept, Mark, Part, Side, merged


class ItemKind(enum.Enum):
    """What an item of a run is: text, an inline tag, an element without text, or one that stays as it is."""

    TEXT = enum.auto()
    OPEN = enum.auto()
    CLOSE = enum.auto()
    PLACE = enum.auto()
    KEPT = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A stretch of the source. A tag has the name of its element."""

    kind: ItemKind
    start: int
    end: int
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Notation:
    """How text is written between tags.

    ``decode`` reads a source, and ``writing`` gives what writes a text as the sources of its passage are.
    """

    decode: Callable[[str], str]
    writing: Callable[[Iterable[str]], Callable[[str], str]]


def passages_of(text: str, run: Sequence[Item], notation: Notation, tangled: bool = False) -> Iterator[Place]:
    """The passage of a run, without what surrounds its text; none if it is blank.

    A tag without its counterpart is a mark of its own, since it may stand anywhere without forming another
    element. Where it might form one, or ``tangled`` says so, every stretch of text between tags is a passage.
    """
    extent = _Extent.of(text, run, _partners(run))
    if extent is None:
        return
    if not tangled and not extent.has_conflict():
        yield extent.place(notation)
        return
    for is_text, group in itertools.groupby(run, lambda item: item.kind is ItemKind.TEXT):
        stretch = _Extent.of(text, list(group), {}) if is_text else None
        if stretch is not None:
            yield stretch.place(notation)


def _partners(run: Sequence[Item]) -> dict[int, int]:
    """The start tag of each end tag, and the reverse, as indices; elements that would overlap have none."""
    partners: dict[int, int] = {}
    unclosed: list[int] = []
    count: collections.Counter[str] = collections.Counter()
    for index, item in enumerate(run):
        if item.kind is ItemKind.OPEN:
            unclosed.append(index)
            count[item.name] += 1
        elif item.kind is ItemKind.CLOSE and count[item.name]:
            opened = unclosed.pop()
            while run[opened].name != item.name:
                count[run[opened].name] -= 1
                opened = unclosed.pop()
            count[item.name] -= 1
            partners[opened], partners[index] = index, opened
    return partners


@dataclasses.dataclass(frozen=True, slots=True)
class _Extent:
    """The items of a run, ``first`` to ``last``, that its text needs, and where they start and end."""

    text: str
    run: Sequence[Item]
    partners: dict[int, int]
    first: int
    last: int
    start: int
    end: int

    @classmethod
    def of(cls, text: str, run: Sequence[Item], partners: dict[int, int]) -> _Extent | None:
        """From the first text to the last, with the elements that one of these is in and another is not.

        None if no text is to be translated.
        """
        spans = {}
        for index, item in enumerate(run):
            if item.kind is ItemKind.TEXT:
                start, end = visible(text, item.start, item.end)
                if start < end:
                    spans[index] = start, end
        if not spans:
            return None
        seen = [index for index, item in enumerate(run) if index in spans or item.kind is ItemKind.KEPT]
        within = range(seen[0], seen[-1] + 1)
        first = min(partners.get(index, index) for index in within)
        last = max(partners.get(index, index) for index in within)
        start, _ = spans.get(first, (run[first].start, 0))
        _, end = spans.get(last, (0, run[last].end))
        return cls(text, run, partners, first, last, start, end)

    def has_conflict(self) -> bool:
        """Whether a tag without counterpart within the extent could form an element if it stood elsewhere, or
        a CDATA section could end where none began: in SVG it is text, and elsewhere a comment."""
        alone = [index for index, item in enumerate(self.run) if item.name and index not in self.partners]
        paired = {self.run[index].name for index in self.partners}
        opened = {self.run[index].name for index in alone if self.run[index].kind is ItemKind.OPEN}
        closed = {self.run[index].name for index in alone if self.run[index].kind is ItemKind.CLOSE}
        if any(self.text.startswith("<![CDATA[", i.start) for i in self.run[self.first : self.last + 1]):
            return True
        moving = (self.run[index] for index in alone if self.first <= index <= self.last)
        return any(
            (item.kind is ItemKind.OPEN and item.name in closed | paired)
            or (item.kind is ItemKind.CLOSE and item.name in opened | paired)
            for item in moving
        )

    def place(self, notation: Notation) -> Place:
        """The passage, and how it is written."""
        parts: list[Part] = []
        sources: dict[Part, tuple[int, int]] = {}
        texts: list[tuple[int, int]] = []
        for index in range(self.first, self.last + 1):
            item = self.run[index]
            if item.kind is ItemKind.TEXT:
                texts.append((max(item.start, self.start), min(item.end, self.end)))
                parts.append(notation.decode(self.text[slice(*texts[-1])]))
            else:
                parts.append(self._part(index))
                sources[parts[-1]] = item.start, item.end
        writer = _Writer(self.text, sources, texts, notation)
        return Place(self.start, self.end, merged(parts), writer.render, wrapped=True)

    def _part(self, index: int) -> Part:
        """The part that a tag or an element becomes; its index in the extent is its id."""
        item, partner = self.run[index], self.partners.get(index)
        if item.kind is ItemKind.KEPT:
            source = self.text[item.start : item.end]
            content = (
                text_of(source[token.start : token.end])
                for token in Tokens(source)
                if token.kind is Kind.TEXT
            )
            return Kept("".join(content), index - self.first)
        if partner is None:
            return Mark(Side.PLACE, index - self.first)
        if item.kind is ItemKind.OPEN:
            return Mark(Side.OPEN, index - self.first)
        return Mark(Side.CLOSE, partner - self.first)


@dataclasses.dataclass(frozen=True, slots=True)
class _Writer:
    """Writes a passage: its tags from the source, its text as the ``texts`` of the source are spelled."""

    text: str
    sources: dict[Part, tuple[int, int]]
    texts: Sequence[tuple[int, int]]
    notation: Notation

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:
        write = self.notation.writing(self.text[start:end] for start, end in self.texts)
        return "".join(write(part) if isinstance(part, str) else cut(*self.sources[part]) for part in parts)

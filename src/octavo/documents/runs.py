"""Text in runs, as office programs store it: each run has its formatting, and none is inside another.

A passage's most common formatting needs no mark. Neighbours that look the same are one run, whatever a
program noted besides (where it checked the spelling, when which run was typed).
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from octavo.documents.byte_edits import Piece, Span
from octavo.documents.inline import InlineBuilder, InlineText
from octavo.documents.xml_source import XmlSource, escaped


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """How a run is written: ``opens`` begins it, with its formatting, and ``closes`` ends it.

    Two runs look the same if ``key`` is the same.
    """

    key: str
    opens: bytes
    closes: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of a paragraph. Where it begins in a run, ``before`` ends that; ``after`` opens it again."""

    span: Span
    before: bytes = b""
    after: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content(Stretch):
    """Something in a run: ``text`` if given, else what is carried over, without its run in ``inner``."""

    inner: Span
    look: Look
    text: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Stretch):
    """Something that is carried over with its runs; ``text`` is what is seen of it."""

    pieces: tuple[Piece, ...]
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group(Stretch):
    """Runs inside an element, such as a link."""

    opens: tuple[Piece, ...]
    closes: tuple[Piece, ...]
    items: Sequence[Item]


class Break:
    """What ends a passage: a tab or a line break."""


Item: TypeAlias = Content | Break | Whole | Group


@dataclasses.dataclass(frozen=True)
class RunMarkup:
    """How a format writes runs: the tags around a text inside a run."""

    source: XmlSource
    text_opens: str
    text_closes: str

    def passages(self, items: Sequence[Item], where: str) -> Iterator[InlineText]:
        """The passages of a paragraph."""
        waiting: list[Content | Whole | Group] = []
        for item in (*items, Break()):
            if isinstance(item, Group) and _has_break(item):
                yield from self._passage(waiting, where)
                yield from self.passages(item.items, where)
            elif isinstance(item, Break):
                yield from self._passage(waiting, where)
            else:
                waiting.append(item)
                continue
            waiting = []

    def _passage(self, items: Sequence[Content | Whole | Group], where: str) -> Iterator[InlineText]:
        look = _commonest(items)
        if look is None:
            return
        first, last = items[0], items[-1]
        builder = _Builder(self, look)
        if first.before:
            builder.inline.place(first.before)
        builder.add(items, look)
        if last.after:
            builder.inline.place(last.after)
        text = builder.inline.finish((first.span[0], last.span[1]), where)
        if text is not None:
            yield text

    def encode(self, look: Look, text: str) -> Sequence[Piece]:
        """A text as a run."""
        opens, closes = self.source.encode(self.text_opens), self.source.encode(self.text_closes)
        return (look.opens, opens, self.source.encode(escaped(text)), closes, look.closes)


def _has_break(group: Group) -> bool:
    return any(
        isinstance(item, Break) or (isinstance(item, Group) and _has_break(item)) for item in group.items
    )


def _commonest(items: Sequence[Item]) -> Look | None:
    """The look of most characters that are not in a group; without any, that of the first text in one."""
    counts: collections.Counter[str] = collections.Counter()
    looks: dict[str, Look] = {}
    for item in items:
        if isinstance(item, Content) and item.text and not item.text.isspace():
            counts[item.look.key] += len(item.text)
            looks.setdefault(item.look.key, item.look)
    if counts:
        return looks[counts.most_common(1)[0][0]]
    inside = (_commonest(item.items) for item in items if isinstance(item, Group))
    return next((look for look in inside if look is not None), None)


class _Builder:
    """Makes the parts of a passage of its runs."""

    def __init__(self, markup: RunMarkup, look: Look) -> None:
        self._markup = markup
        self.inline = InlineBuilder(lambda text: markup.encode(look, text))

    def add(self, items: Sequence[Item], base: Look) -> None:
        """Add items of one level, at which text without a mark has the look ``base``."""
        current, mark = base, 0
        for item, look in zip(items, _looks(items, base), strict=True):
            if look.key != current.key:
                if mark:
                    self.inline.close(mark)
                mark = 0 if look.key == base.key else self._open((), look)
                current = look
            self._add_one(item, current)
        if mark:
            self.inline.close(mark)

    def _add_one(self, item: Item, around: Look) -> None:
        if isinstance(item, Content) and item.text is not None:
            self.inline.text(item.text)
        elif isinstance(item, Content):
            self.inline.place(item.look.opens, item.inner, item.look.closes)
        elif isinstance(item, Whole):
            self.inline.kept(item.text, *item.pieces)
        elif isinstance(item, Group):
            base = _commonest(item.items) or around
            mark = self._open(item.opens, base)
            self.add(item.items, base)
            self.inline.close(mark, *item.closes)

    def _open(self, pieces: Sequence[Piece], look: Look) -> int:
        return self.inline.open(*pieces, encode=lambda text: self._markup.encode(look, text))


def _looks(items: Sequence[Item], base: Look) -> Sequence[Look]:
    """The look of each item. What has none takes that of its neighbours if they agree, else base."""
    ahead: list[Look] = []
    following = base
    for item in reversed(items):
        if own := _own_look(item):
            following = own
        elif isinstance(item, Group):
            following = base
        ahead.append(following)
    looks = []
    behind = base
    for item, following in zip(items, reversed(ahead), strict=True):
        if own := _own_look(item):
            behind = own
        elif isinstance(item, Group) or following.key != behind.key:
            behind = base
        looks.append(behind)
    return looks


def _own_look(item: Item) -> Look | None:
    return item.look if isinstance(item, Content) and item.text and not item.text.isspace() else None

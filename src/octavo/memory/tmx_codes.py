"""Inline codes of TMX as parts: bpt with ept and hi are marks around text, ph is a mark or kept text."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

from octavo.text.parts import Kept, Mark, Part, Side


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """An inline element of a segment. ``side`` is None for one that lacks its other end (it, ut).

    ``i`` joins the two ends of an element within a segment, ``x`` an element with its like in the other
    language; both are "" where the file does not say. ``text`` is what stands in a ph.
    """

    side: Side | None
    i: str = ""
    x: str = ""
    text: str = ""


Item: TypeAlias = str | Code
_Named: TypeAlias = list[tuple[Hashable, Item]]


def paired(source: Sequence[Item], target: Sequence[Item]) -> tuple[list[Part], list[Part]] | None:
    """The parts of both sides; an element has one id on both.

    Where the marks of the sides are not the same, or not well nested, none is kept: the words are right
    without them. None where the texts in ph are not the same, because words would be missing then.
    """
    for marks in (True, False):
        for numbered in (True, False):  # some programs number the codes of each language on their own
            ours = _named(source, marks=marks, numbered=numbered)
            theirs = _named(target, marks=marks, numbered=numbered)
            if (names := _names(ours)) is not None and names == _names(theirs):
                ids = {name: number for number, (name, _) in enumerate(ours, 1)}
                return _parts(ours, ids), _parts(theirs, ids)
    return None


def _named(items: Sequence[Item], *, marks: bool, numbered: bool) -> _Named:
    """The items, the codes among them with names that their likes in the other language have too."""
    named: _Named = []
    opened: dict[str, Hashable] = {}
    seen: collections.Counter[Hashable] = collections.Counter()
    for item in items:
        if isinstance(item, str):
            named.append((None, item))
        elif item.text or marks:
            name = opened.get(item.i)
            if item.side is not Side.CLOSE:
                kind = (item.side, item.text)
                seen[kind] += 1
                name = (kind, (numbered and (item.x or item.i)) or seen[kind])
            if item.side is Side.OPEN:
                opened[item.i] = name
            named.append((name, item))
    return named


def _names(named: _Named) -> set[Hashable] | None:
    """The names of the elements, or None where these are no well nested elements with different names."""
    names: set[Hashable] = set()
    around: list[Hashable] = []
    for name, item in named:
        if isinstance(item, str):
            continue
        if item.side is Side.CLOSE:
            if not around or around.pop() != name:
                return None
            continue
        if item.side is None or name in names:
            return None
        names.add(name)
        if item.side is Side.OPEN:
            around.append(name)
    return None if around else names


def _parts(named: _Named, ids: Mapping[Hashable, int]) -> list[Part]:
    parts: list[Part] = []
    for name, item in named:
        if isinstance(item, str):
            parts.append(item)
        elif item.text:
            parts.append(Kept(item.text, ids[name]))
        elif item.side is not None:
            parts.append(Mark(item.side, ids[name]))
    return parts

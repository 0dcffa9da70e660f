"""Where the marks of a source segment stand in its translation: each follows its words, by the alignment.

An element goes around the words that were made from its own, as many as hang together; what holds no text
goes beside the word that it stood beside. Elements stay as they lie in one another, and each mark appears
exactly once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from octavo.text.parts import Kept, Mark, Part, Side, merged, plain

_UNIT: Final = re.compile(r"\w+(?:['\u2019\-]\w+)*|[^\w\s]")


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """Characters of the target, from ``start``, that were made from those of the source, from
    ``source_start``; both to before their ends. ``weight``: the part of the target's that these have."""

    source_start: int
    source_end: int
    start: int
    end: int
    weight: float = 1.0


def place_marks(
    source: Sequence[Part],
    target: str,
    links: Sequence[Link],
    kept: Mapping[int, int],
    solid: Sequence[tuple[int, int]] = (),
) -> tuple[Part, ...]:
    """``target`` with the marks and the kept texts of ``source`` in it.

    ``source`` is a segment; an element may begin before it or end after it, so that one mark of the two is
    missing. ``kept`` says where in ``target`` each kept text begins, by its id; no mark comes into
    the ranges of ``solid``, such as placeholders. Without links the words are
    taken to stand in the source's order.
    """
    text = plain(source)
    if target == text:
        return tuple(source)
    tree = _Tree(source)
    units = _units(target, tree.kept, kept, solid)
    if any(isinstance(part, Mark) for part in source):
        _Placement(text, units, _shares(units, links, len(text), len(target)), tree.kept).fill(tree.root)
    return merged(_Writer(target, units, tree.kept, kept).write(tree.root))


@dataclasses.dataclass(eq=False, slots=True)
class _Element:
    """An element of the source: characters ``start`` to before ``end``; its place among the units of the
    target, ``first`` to before ``last``. ``opens`` and ``closes``: which of its marks the segment has."""

    id: int
    start: int
    end: int
    opens: bool = True
    closes: bool = True
    is_place: bool = False
    children: list[_Element] = dataclasses.field(default_factory=list)
    first: int = 0
    last: int = 0
    follows: bool = True
    """Of one that holds no text: whether it stands at the unit before it, not at the one after."""

    @property
    def holds_text(self) -> bool:
        return self.start < self.end


class _Tree:
    """The elements of a segment, each in the one that it lies in, and its kept texts."""

    def __init__(self, source: Sequence[Part]) -> None:
        self.kept: dict[int, tuple[int, Kept]] = {}
        self.root = _Element(-1, 0, 0)
        open_elements = [self.root]
        at = 0
        for part in source:
            if isinstance(part, str):
                at += len(part)
            elif isinstance(part, Kept):
                self.kept[part.id] = (at, part)
                at += len(part.text)
            elif part.side is Side.PLACE:
                open_elements[-1].children.append(_Element(part.id, at, at, is_place=True))
            elif part.side is Side.OPEN:
                element = _Element(part.id, at, at)
                open_elements[-1].children.append(element)
                open_elements.append(element)
            elif len(open_elements) > 1:
                open_elements.pop().end = at
            else:  # it began before the segment, and holds all so far
                inner, self.root.children = self.root.children, []
                self.root.children.append(_Element(part.id, 0, at, opens=False, children=inner))
        for element in open_elements[1:]:
            element.end, element.closes = at, False
        self.root.end = at


@dataclasses.dataclass(frozen=True, slots=True)
class _Unit:
    """A word, a sign or a kept text of the target."""

    start: int
    end: int
    is_word: bool = True
    kept: int | None = None


def _unit(found: re.Match[str]) -> _Unit:
    return _Unit(*found.span(), is_word=found[0][0].isalnum())


def _units(
    target: str,
    source: Mapping[int, tuple[int, Kept]],
    kept: Mapping[int, int],
    solid: Sequence[tuple[int, int]],
) -> list[_Unit]:
    whole = [_Unit(start, start + len(source[id_][1].text), kept=id_) for id_, start in kept.items()]
    whole += [_Unit(start, end) for start, end in solid]
    units: list[_Unit] = []
    at = 0
    for unit in sorted(whole, key=lambda unit: unit.start):
        units += map(_unit, _UNIT.finditer(target, at, unit.start))
        units.append(unit)
        at = unit.end
    return units + list(map(_unit, _UNIT.finditer(target, at)))


_Share = tuple[float, int, int]
"""A part of a unit, and the source characters that it was made from."""


def _shares(
    units: Sequence[_Unit], links: Sequence[Link], source_length: int, target_length: int
) -> list[list[_Share]]:
    """Of each unit the source characters that it was made from; the parts of a linked unit add up to 1."""
    if not links:
        scale = source_length / max(target_length, 1)
        return [[(1.0, int(unit.start * scale), max(1, int(unit.end * scale)))] for unit in units]
    shares: list[list[_Share]] = []
    whole = (
        link
        for link in links
        if link.start < link.end and link.source_start < link.source_end and link.weight > 0
    )
    coming = sorted(whole, key=lambda link: link.start)
    first = 0
    for unit in units:
        while first < len(coming) and coming[first].end <= unit.start:
            first += 1
        found = [link for link in _until(coming, first, unit.end) if link.end > unit.start]
        weights = [link.weight * (min(link.end, unit.end) - max(link.start, unit.start)) for link in found]
        total = sum(weights)
        shares.append(
            [
                (weight / total, link.source_start, link.source_end)
                for weight, link in zip(weights, found, strict=True)
            ]
        )
    return shares


def _until(links: Sequence[Link], first: int, end: int) -> Iterator[Link]:
    for at in range(first, len(links)):
        if links[at].start >= end:
            return
        yield links[at]


class _Placement:
    """Gives every element its units."""

    def __init__(
        self,
        text: str,
        units: Sequence[_Unit],
        shares: Sequence[list[_Share]],
        kept: Mapping[int, tuple[int, Kept]],
    ) -> None:
        self._text = text
        self._units = units
        self._shares = [
            [(1.0, kept[unit.kept][0], kept[unit.kept][0] + len(kept[unit.kept][1].text))]
            if unit.kept is not None
            else share
            for unit, share in zip(units, shares, strict=True)
        ]

    def fill(self, root: _Element) -> None:
        root.first, root.last = 0, len(self._units)
        waiting = [root]
        while waiting:
            parent = waiting.pop()
            self._fill_children(parent)
            waiting += parent.children

    def _fill_children(self, parent: _Element) -> None:
        low, high = parent.first, parent.last
        free = []
        for child in parent.children:
            if not child.opens:
                child.first, child.last = low, self._best_end(child, low, high)
                low = child.last
            elif not child.closes:
                child.first, child.last = self._best_start(child, low, high), high
                high = child.first
            else:
                free.append(child)
        taken = [False] * len(self._units)
        for child in sorted(
            (child for child in free if child.holds_text), key=lambda child: child.start - child.end
        ):
            child.first, child.last = self._best_run(child, low, high, taken)
            taken[child.first : child.last] = [True] * (child.last - child.first)
        for child in free:
            if not child.holds_text:
                self._put_beside(child, low, high, free)
        parent.children.sort(key=lambda child: (child.first, child.last))  # stable: else the source's order

    def _gain(self, element: _Element, unit: int) -> float:
        """In characters: above 0 where more of the unit was made from the element's text than from other.

        Other words weigh double: they should come into an element only between longer ones of its own.
        """
        if not (self._shares[unit] and self._units[unit].is_word):
            return -0.01  # punctuation comes between words, or not at all
        length = self._units[unit].end - self._units[unit].start
        gain = length * (2 * self._part(element, unit) - 1)
        return gain if gain > 0 else 2 * gain

    def _part(self, element: _Element, unit: int) -> float:
        return sum(
            part for part, start, end in self._shares[unit] if start < element.end and end > element.start
        )

    def _best_end(self, element: _Element, low: int, high: int) -> int:
        best = total = 0.0
        end = low
        for unit in range(low, high):
            total += self._gain(element, unit)
            if total > best:
                best, end = total, unit + 1
        return end

    def _best_start(self, element: _Element, low: int, high: int) -> int:
        best = total = 0.0
        start = high
        for unit in reversed(range(low, high)):
            total += self._gain(element, unit)
            if total > best:
                best, start = total, unit
        return start

    def _best_run(self, element: _Element, low: int, high: int, taken: Sequence[bool]) -> tuple[int, int]:
        """The units that together gain most; where none gains, the one that is nearest."""
        best, total = 0.0, 0.0
        first = start = low
        last = low
        for unit in range(low, high):
            if taken[unit]:
                total, start = 0.0, unit + 1
                continue
            total += self._gain(element, unit)
            if total <= 0:
                total, start = 0.0, unit + 1
            elif total > best:
                best, first, last = total, start, unit + 1
        if last > first:
            return first, last
        wanted = self._expected(element.start, low, high)
        vacant = [unit for unit in range(low, high) if not taken[unit]]
        if not vacant:
            place = self._outside(wanted, low, taken)
            return place, place
        words = [unit for unit in vacant if self._units[unit].is_word] or vacant
        nearest = min(words, key=lambda unit: (-self._part(element, unit), abs(unit - wanted)))
        return nearest, nearest + 1

    def _expected(self, character: int, low: int, high: int) -> int:
        """The place where a source character would stand if words kept their order."""
        return min(high, max(low, round(len(self._units) * character / max(1, len(self._text)))))

    @staticmethod
    def _outside(place: int, low: int, taken: Sequence[bool]) -> int:
        """The nearest place before ``place`` that is in no run."""
        while place > low and place < len(taken) and taken[place - 1] and taken[place]:
            place -= 1
        return place

    def _put_beside(self, child: _Element, low: int, high: int, siblings: Sequence[_Element]) -> None:
        at = child.start
        child.follows = at > 0 and (at == len(self._text) or not self._text[at - 1].isspace())
        anchor = at - 1 if child.follows else at
        nearest = max(range(low, high), key=lambda unit: self._from(unit, anchor), default=None)
        if nearest is not None and self._from(nearest, anchor):
            place = nearest + 1 if child.follows else nearest
        else:
            place = self._expected(at, low, high)
        for sibling in siblings:
            if sibling.holds_text and sibling.first < place < sibling.last:
                place = sibling.last if sibling.start < at else sibling.first
        child.first = child.last = place

    def _from(self, unit: int, character: int) -> float:
        """The part of a unit that was made from a source character's token."""
        return sum(part for part, start, end in self._shares[unit] if start <= character < end)


class _Writer:
    """The target as parts: its text from left to right, with the elements in their places."""

    def __init__(
        self,
        target: str,
        units: Sequence[_Unit],
        source: Mapping[int, tuple[int, Kept]],
        kept: Mapping[int, int],
    ) -> None:
        self._target = target
        self._units = units
        self._kept = {start: source[id_][1] for id_, start in kept.items()}
        self._at = 0

    def write(self, root: _Element) -> Iterator[Part]:
        for child in root.children:
            yield from self._element(child)
        yield from self._text_to(len(self._target))

    def _element(self, element: _Element) -> Iterator[Part]:
        stack: list[tuple[_Element, int]] = [(element, -1)]
        while stack:
            current, done = stack.pop()
            if done < 0:
                yield from self._begin(current)
            if done + 1 < len(current.children):
                stack.append((current, done + 1))
                stack.append((current.children[done + 1], -1))
            elif not current.is_place:
                yield from self._finish(current)

    def _begin(self, element: _Element) -> Iterator[Part]:
        if element.opens:
            yield from self._text_to(self._start_of(element))
            yield Mark(Side.PLACE if element.is_place else Side.OPEN, element.id)

    def _finish(self, element: _Element) -> Iterator[Part]:
        if element.closes:
            if element.first < element.last:
                yield from self._text_to(self._units[element.last - 1].end)
            yield Mark(Side.CLOSE, element.id)

    def _start_of(self, element: _Element) -> int:
        if element.first < element.last or not element.follows:
            return self._units[element.first].start if element.first < len(self._units) else self._end()
        return self._units[element.first - 1].end if element.first else 0

    def _end(self) -> int:
        return self._units[-1].end if self._units else 0

    def _text_to(self, end: int) -> Iterator[Part]:
        """What of the target is still to be written before ``end``."""
        while self._at < end:
            if self._at in self._kept:
                kept = self._kept[self._at]
                yield kept
                self._at += len(kept.text)
                continue
            stop = min([end, *(start for start in self._kept if self._at < start < end)])
            yield self._target[self._at : stop]
            self._at = stop

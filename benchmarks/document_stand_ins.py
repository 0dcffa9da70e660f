"""Translators that need no model: what they make of a passage is legal, and known beforehand."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Iterable, Sequence

from octavo.text.parts import Kept, Mark, Part, Side

StandIn = Callable[[Sequence[Part]], tuple[Part, ...]]


def same(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The passage itself."""
    return tuple(parts)


def upper(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The passage with its letters in upper case, where that changes no number of characters."""
    return tuple(part if isinstance(part, Mark | Kept) else "".join(map(_upper, part)) for part in parts)


def _upper(character: str) -> str:
    raised = character.upper()
    return raised if len(raised) == 1 and raised.lower() == character else character


@dataclasses.dataclass
class _Node:
    """An element with its marks, or the passage (no marks); children are parts and elements."""

    marks: tuple[Mark, ...]
    children: list[Part | _Node]


class Shuffle:
    """Words and elements in another order. An element stays in its element; images go anywhere."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        root = _Node((), [])
        nodes, path, places = [root], [root], []
        for part in parts:
            if isinstance(part, Mark) and part.side is Side.OPEN:
                node = _Node((part, Mark(Side.CLOSE, part.id)), [])
                path[-1].children.append(node)
                path.append(node)
                nodes.append(node)
            elif isinstance(part, Mark) and part.side is Side.CLOSE:
                path.pop()
            elif isinstance(part, Mark):
                places.append(part)
            else:
                words = re.findall(r"\s+|\S+", part) if isinstance(part, str) else [part]
                path[-1].children += words
        for place in places:
            self._random.choice(nodes).children.append(place)
        for node in nodes:
            self._random.shuffle(node.children)
        return tuple(_flat(root))


def _flat(root: _Node) -> Iterable[Part]:
    """The parts of a tree, of any depth."""
    waiting: list[Part | _Node] = [root]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, _Node):
            yield item
            continue
        yield from item.marks[:1]
        waiting += [*item.marks[1:], *reversed(item.children)]

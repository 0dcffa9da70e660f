"""Text with markup in it: words to translate, marks that follow their words, and what stays as it is.

A document's reader makes a sequence of parts of each passage, and its writer makes the document's own markup
of them again. Neither the model nor what lies between knows what a mark means.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from typing import TypeAlias


class Side(enum.Enum):
    """Which end of an element a mark is. ``PLACE`` is an element that holds no text, such as an image."""

    OPEN = enum.auto()
    CLOSE = enum.auto()
    PLACE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """An inline element begins, ends, or stands here. ``id`` names the element within its passage."""

    side: Side
    id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """Text that is part of the sentence and stays as it is, such as code. ``id`` names it within its passage.

    ``text`` is what a reader sees of it, and what the model reads.
    """

    text: str
    id: int


Part: TypeAlias = str | Mark | Kept
"""Marks are well nested: every OPEN has one CLOSE of its id after it, and elements do not overlap. No two
elements of a passage, kept text included, have one id."""


def plain(parts: Sequence[Part]) -> str:
    """The text of the parts, without the marks."""
    seen = (part for part in parts if not isinstance(part, Mark))
    return "".join(part if isinstance(part, str) else part.text for part in seen)


def merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same parts, without empty strings, and without two strings beside each other."""
    found: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if any(texts):
            found.append("".join(texts))
        texts = []
        found.append(part)
    return (*found, "".join(texts)) if any(texts) else tuple(found)

"""Strings of data formats as passages: text without markup, with the white space around it left as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from octavo.documents.spliced_text import Cut, Place
from octavo.text.parts import Part, plain


def string_place(
    start: int, end: int, text: str, written: Callable[[str], str], wrapped: bool = False
) -> Place | None:
    """The place of a string whose source is from ``start`` to ``end``; None if it has nothing to translate.

    ``written`` gives the source of a string. A string without a letter, or with half of a character that
    UTF-16 writes as two, has nothing to translate.
    """
    core = text.strip()
    if not any(map(str.isalpha, core)) or any("\ud800" <= character <= "\udfff" for character in core):
        return None
    front, _, back = text.partition(core)
    return Place(start, end, (core,), _StringWriter(front, back, written).render, wrapped)


@dataclasses.dataclass(frozen=True, slots=True)
class _StringWriter:
    front: str
    back: str
    written: Callable[[str], str]

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:  # noqa: ARG002 - what every place takes
        return self.written(self.front + plain(parts) + self.back)

"""A segment of TMX as it is read: words, and the inline codes among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from octavo.memory.tmx_codes import Code, Item
from octavo.text.parts import Side

MOST_CHARACTERS: Final = 20_000
"""Of a segment that is kept; a sentence or a paragraph has fewer."""

_CODES: Final = {"bpt": Side.OPEN, "ept": Side.CLOSE, "ph": Side.PLACE, "it": None, "ut": None}


class Segment:
    """What a seg element holds. ``size`` counts its characters and codes, also those that are not kept."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.size = 0
        self._code: Code | None = None  # the one that is being read; its text is another program's
        self._levels = 0  # of elements in it, sub for instance, and itself
        self._highlights: list[str] = []
        self._codes = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element in the segment begins. The text of an unknown one counts as the segment's."""
        if self._levels:
            self._levels += 1
        elif name in _CODES:
            self._levels = 1
            self._code = Code(_CODES[name], attributes.get("i", ""), attributes.get("x", ""))
        elif name == "hi":
            self._codes += 1
            self._highlights.append(f"hi {self._codes}")
            self._add(Code(Side.OPEN, self._highlights[-1], attributes.get("x", "")))

    def text(self, text: str) -> None:
        """Words, or the text of the code that is being read."""
        if not self._levels:
            self._add(text)
        elif self._levels == 1 and self._code is not None and self._code.side is Side.PLACE:
            self.size += len(text)
            if self.size <= MOST_CHARACTERS:
                self._code = dataclasses.replace(self._code, text=self._code.text + text)

    def end(self, name: str) -> None:
        """The element that began last ends."""
        if self._levels:
            self._levels -= 1
            if not self._levels and self._code is not None:
                self._add(self._code)
                self._code = None
        elif name == "hi":
            self._add(Code(Side.CLOSE, self._highlights.pop()))

    def _add(self, item: Item) -> None:
        self.size += len(item) if isinstance(item, str) else 1
        if self.size <= MOST_CHARACTERS:
            self.items.append(item)

"""Texts whose lines have something in front of them, such as the signs of a quotation, read without it."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Sequence
from typing import Final

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_NO_SPACE_NOR_QUOTE: Final = re.compile(r"[^>\s]")


class Lines:
    """The lines of ``text`` from the position ``start`` on, which is the first of line 0."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.start = start
        breaks = list(_LINE_BREAK.finditer(text, start))
        self._starts = [start, *(found.end() for found in breaks)]
        self._ends = [*(found.start() for found in breaks), len(text)]

    def __len__(self) -> int:
        return len(self._starts)

    def span(self, number: int) -> tuple[int, int]:
        """Where line ``number`` begins and ends, its line break not counted."""
        return self._starts[number], self._ends[number]


@dataclasses.dataclass(frozen=True, slots=True)
class Logical:
    """A text put together from stretches of a source.

    ``starts`` are where they begin in the text, ``sources`` where in the source, and ``prefix`` is what a
    further line would have in front of it.
    """

    text: str
    starts: Sequence[int]
    sources: Sequence[int]
    prefix: str = ""

    def source(self, position: int) -> int:
        """The position in the source of the character at ``position``."""
        stretch = bisect.bisect_right(self.starts, position) - 1
        return self.sources[stretch] + position - self.starts[stretch]

    def source_end(self, position: int) -> int:
        """The position in the source after the character before ``position``."""
        return self.source(position - 1) + 1 if position else self.source(0)

    @classmethod
    def of_lines(cls, text: str, line_start: int, spans: Sequence[tuple[int, int]]) -> Logical:
        """Of lines of ``text``, each from its first character on; the first line begins at ``line_start``."""
        starts, position = [], 0
        for start, end in spans:
            starts.append(position)
            position += end - start + 1
        first = text[line_start : spans[0][0]]
        second = text[text.rfind("\n", 0, spans[1][0]) + 1 : spans[1][0]] if len(spans) > 1 else None
        prefix = _NO_SPACE_NOR_QUOTE.sub(" ", first) if second is None else second
        lines = "\n".join(text[start:end] for start, end in spans)
        return cls(lines, starts, [start for start, _ in spans], prefix)

    @classmethod
    def without(cls, text: str, start: int, end: int, dropped: Sequence[int]) -> Logical:
        """Of ``text`` from ``start`` to ``end`` without the characters at the positions ``dropped``."""
        sources = [start, *(position + 1 for position in dropped)]
        ends = [*dropped, end]
        starts, position = [], 0
        for first, last in zip(sources, ends, strict=True):
            starts.append(position)
            position += last - first
        pieces = (text[first:last] for first, last in zip(sources, ends, strict=True))
        return cls("".join(pieces), starts, sources)

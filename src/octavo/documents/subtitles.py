"""What SRT and WebVTT share: the lines of a cue are a passage, the tags in them marks.

A translation is broken into as many lines as its source has, of about the same length. Where the lines of a
cue begin with dashes, each is what somebody else says, and a passage of its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Final

from octavo.documents.html_passages import Item, ItemKind, Notation, passages_of
from octavo.documents.source_lines import Lines
from octavo.documents.spliced_text import Cut, Place
from octavo.text.parts import Part

_STAMP: Final = r"(?:[0-9]+:)?[0-9]{1,2}:[0-9]{2}[.,][0-9]{1,3}"
TIMING: Final = re.compile(rf"[ \t]*{_STAMP}[ \t]*-->[ \t]*{_STAMP}")
_DASH: Final = re.compile(r"(?:<[^<>]*+>|\{\\[^{}]*+\}|[ \t])*+[-\u2013\u2014][ \t]*+(?=[^-\u2013\u2014\s])")
_WORD: Final = re.compile(r"(?:<[^<>]*+>|\{\\[^{}]*+\}|\S)+")
_UNSEEN: Final = re.compile(r"<[^<>]*+>|\{\\[^{}]*+\}")


def cue_places(
    lines: Lines, first: int, last: int, tag: re.Pattern[str], notation: Notation, line_break: str
) -> Iterator[Place]:
    """The passages of the lines ``first`` to before ``last``, which are the text of a cue.

    ``tag`` matches a tag; its group 1 is the slash of an end tag, and group 2 the name of an element.
    """
    spans = [lines.span(number) for number in range(first, last)]
    dashes = [_DASH.match(lines.text, *span) for span in spans]
    groups: list[tuple[int, int, int]] = []
    for number, ((start, end), dash) in enumerate(zip(spans, dashes, strict=True)):
        if not groups or (dash and number and any(dashes[1:])):
            groups.append((dash.end() if dash else start, end, 1))
        else:
            groups[-1] = groups[-1][0], end, groups[-1][2] + 1
    for start, end, number in groups:
        run = list(_items(lines.text, start, end, tag))
        for place in passages_of(lines.text, run, notation):
            broken = _LineBreaker(place, number, line_break)
            yield dataclasses.replace(place, render=broken.render)


def _items(text: str, start: int, end: int, tag: re.Pattern[str]) -> Iterator[Item]:
    """The text and the tags between two positions."""
    position = start
    for found in tag.finditer(text, start, end):
        if position < found.start():
            yield Item(ItemKind.TEXT, position, found.start())
        kind = ItemKind.PLACE if not found[2] else ItemKind.CLOSE if found[1] else ItemKind.OPEN
        yield Item(kind, found.start(), found.end(), (found[2] or "").lower())
        position = found.end()
    if position < end:
        yield Item(ItemKind.TEXT, position, end)


@dataclasses.dataclass(frozen=True, slots=True)
class _LineBreaker:
    """Writes a passage on ``number`` lines."""

    place: Place
    number: int
    line_break: str

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:
        words = _WORD.findall(self.place.render(parts, cut))
        return self.line_break.join(" ".join(line) for line in _balanced(words, self.number))


def _balanced(words: Sequence[str], number: int) -> Iterator[Sequence[str]]:
    """The words on at most ``number`` lines of about the same length."""
    widths = [len(_UNSEEN.sub("", word)) + 1 for word in words]
    left, first = sum(widths), 0
    for lines_left in range(number, 1, -1):
        target, width, last = left / lines_left, 0.0, first
        while last < len(words) and (last == first or width + widths[last] / 2 <= target):
            width += widths[last]
            last += 1
        if last > first:
            yield words[first:last]
        left, first = left - int(width), last
    if first < len(words):
        yield words[first:]

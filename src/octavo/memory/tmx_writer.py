"""Entries of a memory as TMX 1.4, a line at a time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from octavo.memory.entries import Entry, Origin
from octavo.memory.rendering import parsed
from octavo.text.parts import Mark, Part, Side

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: Final = {Side.OPEN: "bpt", Side.CLOSE: "ept", Side.PLACE: "ph"}


class TmxWriter:
    """Makes lines of entries. ``written`` and ``skipped`` count them; skipped is what XML cannot hold."""

    def __init__(self, *, source_language: str, version: str) -> None:
        """``version`` is that of Octavo, which the file names as the program that wrote it."""
        self.written = 0
        self.skipped = 0
        self._source_language = source_language
        self._version = version

    def lines(self, entries: Iterable[Entry]) -> Iterator[str]:
        """The whole file, without line ends."""
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield '<tmx version="1.4">'
        yield (
            f'<header creationtool="Octavo" creationtoolversion={quoteattr(self._version)} segtype="block" '
            f'o-tmf="Octavo" adminlang="en" srclang={quoteattr(self._source_language)} datatype="plaintext"/>'
        )
        yield "<body>"
        for entry in entries:
            source, target = _seg(entry.source), _seg(entry.target)
            if _NOT_IN_XML.search(source + target):
                self.skipped += 1
                continue
            self.written += 1
            changed = dt.datetime.fromtimestamp(entry.changed, dt.UTC)
            yield f'<tu changedate="{changed:%Y%m%dT%H%M%SZ}">'
            yield f'<prop type="x-origin">{entry.origin}</prop>'
            if entry.origin is Origin.MACHINE:
                yield f'<prop type="x-model">{escape(entry.model)}</prop>'
            yield f"<tuv xml:lang={quoteattr(entry.source_language)}>{source}</tuv>"
            yield f"<tuv xml:lang={quoteattr(entry.target_language)}>{target}</tuv>"
            yield "</tu>"
        yield "</body>"
        yield "</tmx>"


def _seg(rendering: str) -> str:
    return f"<seg>{''.join(map(_element, parsed(rendering)))}</seg>"


def _element(part: Part) -> str:
    if isinstance(part, str):
        return escape(part)
    if not isinstance(part, Mark):
        return f'<ph x="{part.id}">{escape(part.text)}</ph>'
    tag = _TAGS[part.side]
    number = "" if part.side is Side.PLACE else f' i="{part.id}"'
    return f"<{tag}{number}/>" if part.side is Side.CLOSE else f'<{tag}{number} x="{part.id}"/>'

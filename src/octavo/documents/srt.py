"""SubRip subtitles: numbers and times stay, the text of each cue is a passage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.html_passages import Notation
from octavo.documents.source_lines import Lines
from octavo.documents.spliced_text import Place, SplicedDocument, line_break
from octavo.documents.subtitles import TIMING, cue_places

# Players know these; what else stands in angle brackets is text.
_TAG: Final = re.compile(r"<(/?)(b|i|u|s|font)(?=[ >])[^<>\n]*+>|\{\\[^{}\n]*+\}", re.IGNORECASE)
_NOTATION: Final = Notation(lambda source: source.replace("\r\n", "\n"), lambda _: str)


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError if it has no cue."""
    text, encoding = decode(data)
    lines = Lines(text)
    timings = [number for number in range(len(lines)) if TIMING.match(text, *lines.span(number))]
    if not timings and text.strip():
        raise DocumentError(
            'no cue was found: a line with its times, such as "00:00:01,000 --> 00:00:02,500", must stand '
            "before the text of each"
        )
    return SplicedDocument(text, encoding, _places(lines, timings))


def _places(lines: Lines, timings: list[int]) -> Iterator[Place]:
    ends = line_break(lines.text)
    for timing, following in zip(timings, [*timings[1:], len(lines) + 1], strict=True):
        first = timing + 1
        for number in range(first, following):
            # The line before a timing is the number of its cue.
            last = number == following - 1
            if last or not lines.text[slice(*lines.span(number))].strip():
                if first < number:
                    yield from cue_places(lines, first, number, _TAG, _NOTATION, ends)
                first = number + 1

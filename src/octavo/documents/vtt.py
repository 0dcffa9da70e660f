"""WebVTT: the text of each cue is a passage; comments, styles, regions, names of cues and settings stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.html_passages import Notation
from octavo.documents.html_text import Spelling, text_of
from octavo.documents.source_lines import Lines
from octavo.documents.spliced_text import Place, SplicedDocument, line_break
from octavo.documents.subtitles import TIMING, cue_places

_TAG: Final = re.compile(r"<(/?)(?:([A-Za-z]+)[^<>]*+|[0-9][0-9:.]*+)?>")
_NOTATION: Final = Notation(text_of, lambda sources: Spelling(sources, "\n").write)


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError if it is no WebVTT."""
    text, encoding = decode(data)
    if not re.match(r"WEBVTT(?:\s|\Z)", text):
        raise DocumentError(
            'line 1: a WebVTT file begins with "WEBVTT": add it, or state the format of the file'
        )
    return SplicedDocument(text, encoding, _places(Lines(text)))


def _places(lines: Lines) -> Iterator[Place]:
    ends = line_break(lines.text)
    number = 0
    while number < len(lines):
        if TIMING.match(lines.text, *lines.span(number)):
            first = number + 1
            number = first
            while number < len(lines) and lines.text[slice(*lines.span(number))].strip():
                number += 1
            if first < number:
                yield from cue_places(lines, first, number, _TAG, _NOTATION, ends)
        number += 1

"""TMX, the exchange format of translation memories: read as it comes, however long the file is.

Source: TMX 1.4b Specification, LISA OSCAR, 2005. Versions 1.1 to 1.4 are read. A file from somewhere else may
be hostile: a document type is allowed but neither read nor fetched, entities of one's own are refused, and so
is what would need more and more memory.
"""

from __future__ import annotations

import collections
import enum
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn
from xml.parsers import expat

from octavo.errors import InputError, counted, printable
from octavo.memory.languages import matches, tag
from octavo.memory.rendering import normalized, numbering, rendered
from octavo.memory.tmx_codes import paired
from octavo.memory.tmx_segment import MOST_CHARACTERS, Segment
from octavo.regular_file import open_regular
from octavo.text.parts import plain

_CHUNK_BYTES: Final = 1 << 16
_MOST_TAG_BYTES: Final = 1 << 22
_MOST_DEPTH: Final = 100
_MOST_LANGUAGES: Final = 50


class Skipped(enum.StrEnum):
    """Why a translation unit is left out. Each member is a string: what a person reads of such units."""

    NO_SOURCE = "without text in the source language"
    NO_TARGET = "without text in the target language"
    TOO_LONG = f"longer than {MOST_CHARACTERS:,} characters"
    CODES = "with different placeholders in the two languages"


class TmxReader:
    """The pairs of a TMX file in two languages. ``units`` and ``skipped`` count what was read so far."""

    def __init__(
        self, path: Path, *, source_language: str, target_language: str, advance: Callable[[int, int], None]
    ) -> None:
        """``advance`` is told the bytes and the units that are done; it may raise to stop."""
        self.units = 0
        self.skipped: collections.Counter[Skipped] = collections.Counter()
        self._path = path
        self._asked = (tag(source_language), tag(target_language))
        self._advance = advance
        self._languages: dict[str, None] = {}
        self._pairs: list[tuple[str, str]] = []
        self._bytes = 0
        self._depth = 0
        self._language = ""
        self._segment: Segment | None = None
        self._chosen: dict[str, tuple[str, Segment | None]] = {}
        self._parser = self._new_parser()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Renderings of the source, normalized, and of the target, with white space normalized.

        Raises InputError, with the line, for what is no such file; also where it has no pair of these
        languages at all.
        """
        found = False
        try:
            with open_regular(self._path) as stream:
                for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
                    self._parse(chunk)
                    found = found or bool(self._pairs)
                    yield from self._taken()
                self._parse(b"")
                yield from self._taken()
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror or error}") from error
        if not found:
            raise InputError(self._nothing())

    def _taken(self) -> Iterator[tuple[str, str]]:
        yield from self._pairs
        self._pairs = []
        self._advance(self._bytes, self.units)

    def _nothing(self) -> str:
        languages = ", ".join(printable(language) for language in self._languages) or "none"
        return (
            f"{self._path}: has no translation from {self._asked[0]} to {self._asked[1]} in its "
            f"{counted(self.units, 'unit')}; its languages are: {languages}; nothing was imported"
        )

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._document_type
        parser.EntityDeclHandler = lambda *_: self._fail("it declares entities of its own")
        parser.SkippedEntityHandler = lambda name, _: self._fail(f"the entity &{name}; is not known")
        return parser

    def _parse(self, chunk: bytes) -> None:
        """Parse the next bytes; the last ones are none."""
        self._bytes += len(chunk)
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            self._fail(f"it is not well-formed XML ({expat.ErrorString(error.code)})", error.lineno)
        except (LookupError, ValueError) as error:  # pyexpat's own, of a declared encoding
            self._fail(f"{error}; save it in UTF-8")
        if self._bytes - self._parser.CurrentByteIndex > _MOST_TAG_BYTES:
            self._fail(f"a tag or a comment is longer than {_MOST_TAG_BYTES:,} bytes")

    def _fail(self, what: str, line: int | None = None) -> NoReturn:
        line = line or self._parser.CurrentLineNumber
        raise InputError(
            f"{self._path}: line {line}: cannot be read as TMX: {printable(what)}; nothing was imported"
        )

    def _document_type(self, *declared: str | int | None) -> None:
        if declared[-1]:  # whether there are declarations in it
            self._fail("its document type has declarations of its own; remove what stands in [ ] there")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            self._fail(f"elements are nested more than {_MOST_DEPTH} deep")
        if self._depth == 1 and name != "tmx":
            self._fail(f"it begins with <{name[:40]}>, and TMX begins with <tmx>")
        if self._segment is not None:
            self._segment.start(name, attributes)
        elif name == "tuv":
            stated = attributes.get("xml:lang") or attributes.get("lang") or ""
            self._language = tag(stated) if stated.strip() else ""
            if len(self._languages) < _MOST_LANGUAGES:
                self._languages[self._language or "(not stated)"] = None
        elif name == "seg":
            self._segment = Segment()

    def _text(self, text: str) -> None:
        if self._segment is not None:
            self._segment.text(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == "seg" and self._segment is not None:
            self._choose(self._segment)
            self._segment = None
        elif self._segment is not None:
            self._segment.end(name)
        elif name == "tu":
            self._finish_unit()

    def _choose(self, segment: Segment) -> None:
        """Take it for the languages that it fits; of several, one of exactly this language, or the first."""
        for asked in self._asked:
            taken = self._chosen.get(asked)
            if matches(asked, self._language) and (taken is None or taken[0] != asked == self._language):
                self._chosen[asked] = (self._language, segment)

    def _finish_unit(self) -> None:
        self.units += 1
        source, target = (self._chosen.get(asked, ("", None))[1] for asked in self._asked)
        outcome = _pair(source, target)
        if isinstance(outcome, Skipped):
            self.skipped[outcome] += 1
        else:
            self._pairs.append(outcome)
        self._chosen = {}


def _pair(source: Segment | None, target: Segment | None) -> tuple[str, str] | Skipped:
    """The renderings of a unit's two sides, or why it is left out."""
    if source is None or target is None:
        return Skipped.NO_SOURCE if source is None else Skipped.NO_TARGET
    if max(source.size, target.size) > MOST_CHARACTERS:
        return Skipped.TOO_LONG
    sides = paired(source.items, target.items)
    if sides is None:
        return Skipped.CODES
    if not plain(sides[0]).strip() or not plain(sides[1]).strip():
        return Skipped.NO_TARGET if plain(sides[0]).strip() else Skipped.NO_SOURCE
    numbers = numbering(sides[0])
    return normalized(rendered(sides[0], numbers)), " ".join(rendered(sides[1], numbers).split())

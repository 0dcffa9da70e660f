"""Documents that are text: passages are places in it, and writing puts new text in these places alone."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from octavo.documents.document import Passage
from octavo.documents.encoded import Encoding
from octavo.text.parts import Kept, Mark, Part, Side, merged

Cut: TypeAlias = Callable[[int, int], str]
"""The document's text between two positions, with what was translated inside of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A passage's place in a text: from ``start`` to ``end``. ``render`` gives what stands there instead.

    An ``inner`` place may lie in a place that is not, as the attribute of a tag lies in a paragraph: in the
    source of its tags, and nowhere else.
    """

    start: int
    end: int
    parts: tuple[Part, ...]
    render: Callable[[tuple[Part, ...], Cut], str]
    wrapped: bool = False
    inner: bool = False
    where: str = ""


class SplicedText:
    """A text with passages in it. Places that are not inner do not overlap, nor do inner ones."""

    def __init__(self, text: str, places: Iterable[Place]) -> None:
        self._text = text
        self._places = sorted(places, key=lambda place: (place.start, place.inner))
        self.passages: Sequence[Passage] = tuple(self._with_lines())

    def _with_lines(self) -> Iterable[Passage]:
        line, position = 1, 0
        for place in self._places:
            line += self._text.count("\n", position, place.start)
            position = place.start
            yield Passage(place.parts, place.where or f"line {line}", place.wrapped)

    def write_text(self, translations: Sequence[tuple[Part, ...] | None]) -> str:
        """The text with the translations in place of the passages; ``Document.write`` says what they are."""
        changed = list(_changed(self._places, translations))
        inner = [
            (place.start, place.end, place.render(parts, self._plain_cut))
            for place, parts in changed
            if place.inner
        ]
        cut = _cutter(self._text, inner)
        if len(inner) == len(changed):
            return cut(0, len(self._text))
        written, position = [], 0
        for place, parts in changed:
            if not place.inner:
                written += [cut(position, place.start), place.render(parts, cut)]
                position = place.end
        return "".join([*written, cut(position, len(self._text))])

    def _plain_cut(self, start: int, end: int) -> str:
        return self._text[start:end]


class SplicedDocument(SplicedText):
    """A document that is a text in an encoding. ``unencodable`` is Python's name of what becomes of
    characters that the encoding lacks."""

    def __init__(
        self, text: str, encoding: Encoding, places: Iterable[Place], unencodable: str = "strict"
    ) -> None:
        super().__init__(text, places)
        self._encoding = encoding
        self._unencodable = unencodable

    def write(self, translations: Sequence[tuple[Part, ...] | None]) -> bytes:
        """The document's bytes with the translations; ``Document.write`` says what they are."""
        return self._encoding.encode(self.write_text(translations), self._unencodable)


def line_break(text: str) -> str:
    """How lines of ``text`` end: as the first of them does; with a line feed if there is but one line."""
    return "\r\n" if text[: text.find("\n") + 1].endswith("\r\n") else "\n"


def check_translation(source: Sequence[Part], translation: Sequence[Part]) -> None:
    """Raises ValueError unless ``translation`` has the marks and kept texts of ``source``, well nested."""
    open_ids: list[int] = []
    for part in translation:
        if isinstance(part, Mark) and part.side is Side.OPEN:
            open_ids.append(part.id)
        elif (
            isinstance(part, Mark) and part.side is Side.CLOSE and (not open_ids or open_ids.pop() != part.id)
        ):
            raise ValueError(f"marks that are not well nested: {translation!r}")
    if open_ids or _elements(source) != _elements(translation):
        raise ValueError(f"a translation with other marks than its passage: {source!r}, {translation!r}")


def _elements(parts: Sequence[Part]) -> list[tuple[int, int, str]]:
    """What of ``parts`` is not text to translate, in an order of its own."""
    return sorted(
        (part.id, part.side.value, "") if isinstance(part, Mark) else (part.id, 0, part.text)
        for part in parts
        if isinstance(part, Mark | Kept)
    )


def _changed(
    places: Sequence[Place], translations: Sequence[tuple[Part, ...] | None]
) -> Iterable[tuple[Place, tuple[Part, ...]]]:
    """The places whose translation differs from what stands there, each with its parts."""
    for place, translation in zip(places, translations, strict=True):
        if translation is None:
            continue
        parts = merged(translation)
        if parts != place.parts:
            check_translation(place.parts, parts)
            yield place, parts


def _cutter(text: str, edits: Sequence[tuple[int, int, str]]) -> Cut:
    """Cuts of ``text`` with ``edits`` (start, end, new text), ascending, each within a cut or outside."""
    starts = [start for start, _, _ in edits]

    def cut(start: int, end: int) -> str:
        pieces = []
        for edit in range(bisect.bisect_left(starts, start), bisect.bisect_left(starts, end)):
            first, last, new = edits[edit]
            pieces += [text[start:first], new]
            start = last
        return "".join([*pieces, text[start:end]])

    return cut

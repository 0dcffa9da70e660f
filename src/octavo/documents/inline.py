"""A passage made of a document's own markup, and the markup of its translation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from octavo.documents.byte_edits import Piece, Span
from octavo.documents.document import Passage
from octavo.documents.spliced_text import check_translation
from octavo.text.parts import Kept, Mark, Part, Side, merged

Encode = Callable[[str], Sequence[Piece]]
"""The markup of a text without marks."""


@dataclasses.dataclass(frozen=True)
class InlineText:
    """A passage that stands in ``span`` of a source, with what each mark of it is written as.

    ``head`` and ``tail`` are marks and spaces at its ends: they stay there and are not part of the passage.
    ``encodes`` are the pairs of marks between which text is written in a way of their own. ``before`` and
    ``after`` are written around it all, but do not stand in the source.
    """

    passage: Passage
    span: Span
    head: tuple[Part, ...]
    tail: tuple[Part, ...]
    pieces: Mapping[Part, Sequence[Piece]]
    encode: Encode
    encodes: dict[int, Encode]
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()

    def markup(self, translation: Sequence[Part]) -> tuple[Piece, ...]:
        """What the span is replaced by. Raises ValueError for marks that are missing, new or crossed."""
        check_translation(self.passage.parts, translation)
        return (*self.before, *self._pieces((*self.head, *translation, *self.tail)), *self.after)

    def _pieces(self, parts: Sequence[Part]) -> Iterator[Piece]:
        encoders = [self.encode]
        for part in merged(parts):
            if isinstance(part, str):
                yield from encoders[-1](part)
                continue
            yield from self.pieces[part]
            if isinstance(part, Mark) and part.side is Side.OPEN:
                encoders.append(self.encodes.get(part.id, encoders[-1]))
            elif isinstance(part, Mark) and part.side is Side.CLOSE:
                encoders.pop()


class InlineBuilder:
    """Gathers the parts of a passage. What holds no text becomes one place, however it is made up."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._encodes: dict[int, Encode] = {}
        self._parts: list[Part] = []
        self._pieces: dict[Part, list[Piece]] = {}
        self._open: list[int] = []  # which parts are marks of elements that are open
        self._last_id = 0

    def text(self, text: str) -> None:
        """More text."""
        if text:
            self._parts.append(text)

    def place(self, *pieces: Piece) -> None:
        """Something without text that is translated with the passage."""
        self._add(Mark(Side.PLACE, self._new_id()), pieces)

    def kept(self, text: str, *pieces: Piece) -> None:
        """Something with text that stays as it is."""
        if text and not text.isspace():
            self._add(Kept(text, self._new_id()), pieces)
        else:
            self.place(*pieces)

    def open(self, *pieces: Piece, encode: Encode | None = None) -> int:
        """An element begins. Returns the id to close it with."""
        mark = Mark(Side.OPEN, self._new_id())
        self._open.append(len(self._parts))
        self._add(mark, pieces)
        if encode is not None:
            self._encodes[mark.id] = encode
        return mark.id

    def close(self, mark_id: int, *pieces: Piece) -> None:
        """An element ends: the one that was opened last and is not closed."""
        first = self._open.pop()
        inside = self._parts[first + 1 :]
        if all(_is_place(part) for part in inside):
            whole = [piece for part in self._parts[first:] for piece in self._pieces.pop(part)]
            del self._parts[first:]
            self._add(Mark(Side.PLACE, mark_id), (*whole, *pieces))
        else:
            self._add(Mark(Side.CLOSE, mark_id), pieces)

    def finish(self, span: Span, where: str, *, wrapped: bool = False) -> InlineText | None:
        """The passage in this span of the source, or None if there is no text to translate in it."""
        if not any(isinstance(part, str) and not part.isspace() for part in self._parts):
            return None
        head, parts, tail = _trimmed(merged(self._parts))
        if not any(isinstance(part, str) for part in parts):
            return None
        passage = Passage(parts, where, wrapped)
        return InlineText(passage, span, head, tail, self._pieces, self._encode, self._encodes)

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _add(self, part: Part, pieces: Sequence[Piece]) -> None:
        last = self._parts[-1] if self._parts else ""
        if _is_place(part) and _is_place(last):  # they stay beside each other
            _extend(self._pieces[last], pieces)
        else:
            self._parts.append(part)
            self._pieces[part] = []
            _extend(self._pieces[part], pieces)


def _extend(pieces: list[Piece], more: Sequence[Piece]) -> None:
    """Add pieces, as one span where several follow each other."""
    for piece in more:
        last = pieces[-1] if pieces else b""
        if isinstance(piece, tuple) and isinstance(last, tuple) and last[1] == piece[0]:
            pieces[-1] = (last[0], piece[1])
        else:
            pieces.append(piece)


def _trimmed(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], tuple[Part, ...], tuple[Part, ...]]:
    """Parts without the marks and spaces around them, and these. Inside is text or kept text at both ends."""
    first, last = 0, len(parts)
    head: list[Part] = []
    tail: list[Part] = []
    while True:
        start = parts[first]
        end = parts[last - 1]
        if _may_stay_outside(start):
            head.append(start)
            first += 1
        elif _may_stay_outside(end):
            tail.append(end)
            last -= 1
        elif isinstance(start, Mark) and end == Mark(Side.CLOSE, start.id):
            head.append(start)
            tail.append(end)
            first, last = first + 1, last - 1
        else:
            break
    inside = list(parts[first:last])
    if isinstance(start, str) and start[0].isspace():
        text = start.lstrip()
        head.append(start[: len(start) - len(text)])
        inside[0] = text
    end = inside[-1]
    if isinstance(end, str) and end[-1].isspace():
        text = end.rstrip()
        tail.append(end[len(text) :])
        inside[-1] = text
    return tuple(head), tuple(inside), tuple(reversed(tail))


def _may_stay_outside(part: Part) -> bool:
    """Whether a part at an end of a passage need not be in it."""
    return part.isspace() if isinstance(part, str) else _is_place(part)


def _is_place(part: Part) -> bool:
    return isinstance(part, Mark) and part.side is Side.PLACE

"""Bytes with some spans replaced. What replaces one may hold spans of it, with replacements of their own."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
Piece: TypeAlias = bytes | Span
"""New bytes, or a span of the source that is carried over, with the replacements inside it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """``pieces`` replace the bytes from ``start`` to ``end``, or are inserted where both are one."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


def spliced(source: bytes, edits: Sequence[Edit]) -> bytes:
    """The source with its edits made. An edit may lie inside another, but they do not overlap otherwise."""
    ordered = sorted(edits, key=lambda edit: (edit.start, -edit.end))
    starts = [edit.start for edit in ordered]

    def carried(start: int, end: int, first: int) -> Iterator[bytes]:
        at, index = start, bisect.bisect_left(starts, start, first)
        while index < len(ordered) and ordered[index].end <= end and ordered[index].start < end:
            edit = ordered[index]
            yield source[at : edit.start]
            for piece in edit.pieces:
                if isinstance(piece, bytes):
                    yield piece
                else:
                    yield from carried(*piece, index + 1)
            at = edit.end
            index = bisect.bisect_left(starts, max(at, edit.start + 1), index + 1)
        yield source[at:end]

    return b"".join(carried(0, len(source), 0))

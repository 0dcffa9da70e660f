"""What must stay, carried through the model: its token sequences, and its places in the translation."""

from __future__ import annotations

import bisect
import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from octavo.text.protected import protected_spans
from octavo.translation.mark_placement import Link
from octavo.translation.source import KeptSpan

_OPENING: Final = "("


class Vocabulary(Protocol):
    """What is needed of a target tokenizer; see octavo.text.Tokenizer."""

    unknown_id: int

    def encode(self, text: str) -> list[int]:
        """Token ids."""

    def decode(self, ids: Sequence[int]) -> str:
        """A line of text."""


def spellings(text: str, vocabulary: Vocabulary, *, attached: bool) -> list[list[int]]:
    """The token sequences that say ``text``: after a space and, where it may be ``attached`` to a sign before
    it, without one. There are none where the vocabulary cannot say it as it is.
    """
    found = [vocabulary.encode(text)]
    inside = vocabulary.encode(_OPENING + text)
    if attached and inside[:1] == vocabulary.encode(_OPENING):
        found.append(inside[1:])
    return [
        spelling
        for spelling in found
        if spelling and vocabulary.unknown_id not in spelling and vocabulary.decode(spelling) == text
    ]


def places(target: str, kept: Iterable[KeptSpan]) -> list[tuple[int, KeptSpan]] | None:
    """Where each text that must stay begins in the translation, in order; None unless each of them is in it
    exactly as often as in the source."""
    waiting: dict[str, collections.deque[KeptSpan]] = {}
    for span in kept:
        waiting.setdefault(span.spoken, collections.deque()).append(span)
    if not waiting:
        return []
    pattern = re.compile("|".join(re.escape(text) for text in sorted(waiting, key=len, reverse=True)))
    found = []
    for match in pattern.finditer(target):
        spans = waiting[match[0]]
        if not spans:
            return None
        found.append((match.start(), spans.popleft()))
    return None if any(waiting.values()) else found


def has_more(target: str, found: Sequence[tuple[int, KeptSpan]]) -> bool:
    """Whether the translation has a placeholder, an address or the like that is none of ``found``."""
    spans = [(start, start + len(span.spoken)) for start, span in found]
    return any(
        not any(start <= extra.start and extra.end <= end for start, end in spans)
        for extra in protected_spans(target)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """A translation in which what must stay stands to the letter. ``starts``: where each of it begins."""

    text: str
    starts: list[int]
    links: list[Link]


def restored(target: str, found: Sequence[tuple[int, KeptSpan]], links: Sequence[Link]) -> Restored:
    """``target`` with the source's own white space in what must stay, which the model cannot say; ``found``
    as of ``places``."""
    if all(span.text == span.spoken for _, span in found):
        return Restored(target, [start for start, _ in found], list(links))
    parts: list[str] = []
    moves = [(0, 0)]  # from this character of the target on, others are so many further
    starts = []
    at = length = 0
    for start, span in found:
        end = start + len(span.spoken)
        low = start - (span.text[:1].isspace() and at < start and target[start - 1].isspace())
        high = end + (span.text[-1:].isspace() and end < len(target) and target[end].isspace())
        length += low - at
        parts += [target[at:low], span.text]
        starts.append(length)
        moves += [(start, length - start), (high, length + len(span.text) - high)]
        length += len(span.text)
        at = high
    parts.append(target[at:])
    return Restored("".join(parts), starts, [_moved(link, moves) for link in links])


def _moved(link: Link, moves: Sequence[tuple[int, int]]) -> Link:
    def at(place: int) -> int:
        return place + moves[bisect.bisect_right(moves, place, key=lambda move: move[0]) - 1][1]

    return dataclasses.replace(link, start=at(link.start), end=max(at(link.start), at(link.end - 1) + 1))

"""Sources that are like a text, among very many: what cannot be like it is left out before it is compared.

The score is rapidfuzz's ``ratio``, of the fewest characters to delete and insert. Each of these changes one
count of characters by one. So where the counts of two texts differ by more than the threshold allows, so do
the texts; counts in 32 classes of characters lie in one array and are compared at once.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.errors import OctavoError
from octavo.memory.rendering import normalized, plain_of

_CLASSES: Final = 32
_ROWS_AT_ONCE: Final = 10_000

Search: TypeAlias = Callable[[str, Sequence[str], float, int], list[tuple[float, int]]]


class FuzzyIndex:
    """The sources of some contexts of a memory, kept in memory: about 200 bytes for a sentence."""

    def __init__(self) -> None:
        self._search = _search()
        self._last: dict[int, int] = {}  # of each context the last entry that was read
        self._texts: list[str] = []
        self._entries: list[int] = []
        self._lengths = np.zeros(0, np.int32)
        self._counts = np.zeros((0, _CLASSES), np.uint8)

    def read(self, connection: sqlite3.Connection, contexts: Iterable[int]) -> None:
        """Add what these contexts hold and the index does not hold yet."""
        lengths, counts = [self._lengths], [self._counts]
        for context in contexts:
            rows = connection.execute(
                "SELECT id, source FROM entry WHERE context = ? AND id > ? ORDER BY id",
                (context, self._last.get(context, 0)),
            )
            while block := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                # a text that lost its marks may begin or end with a space, or have two
                texts = [normalized(plain_of(source)) for _, source in block]
                self._last[context] = block[-1][0]
                self._texts += texts
                self._entries += [entry for entry, _ in block]
                lengths.append(np.fromiter(map(len, texts), np.int32, len(texts)))
                counts.append(_counts(texts))
        if len(lengths) > 1:
            self._lengths, self._counts = np.concatenate(lengths), np.concatenate(counts)

    def likest(self, text: str, threshold: float, limit: int) -> list[tuple[float, int]]:
        """Scores and ids of at most ``limit`` entries that score ``threshold`` or more, the best first."""
        candidates = self._candidates(text, threshold)
        found = self._search(text, [self._texts[place] for place in candidates], threshold, limit)
        return [(score, self._entries[candidates[place]]) for score, place in found]

    def _candidates(self, text: str, threshold: float) -> npt.NDArray[np.intp]:
        """Places of the entries whose length and characters allow the score."""
        allowed = (self._lengths + len(text)) * (1 - threshold / 100) + 1e-6
        near = np.flatnonzero(np.abs(self._lengths - len(text)) <= allowed)
        theirs, ours = self._counts[near], _counts([text])
        differences = (np.maximum(theirs, ours) - np.minimum(theirs, ours)).sum(axis=1, dtype=np.int32)
        likely: npt.NDArray[np.intp] = near[differences <= allowed[near]]
        return likely


def _search() -> Search:
    """Finds in a list the texts that score a threshold or more: scores and places, the best first."""
    try:
        from rapidfuzz import fuzz, process
    except ImportError:
        raise OctavoError(
            'rapidfuzz finds similar translations, and is not installed; pip install "octavo[memory]"'
        ) from None

    def search(text: str, among: Sequence[str], threshold: float, limit: int) -> list[tuple[float, int]]:
        found = process.extract(text, among, scorer=fuzz.ratio, score_cutoff=threshold, limit=limit)
        return [(score, place) for _, score, place in found]

    return search


def _counts(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """How many characters of each class each text has, 255 standing for more: [texts, classes]."""
    characters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32) % _CLASSES
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    counts = np.bincount(rows * _CLASSES + characters, minlength=len(texts) * _CLASSES)
    return np.minimum(counts, 255).astype(np.uint8).reshape(len(texts), _CLASSES)

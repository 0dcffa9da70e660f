"""How often which tokens were aligned, in memory that does not grow with the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.artifact import Shortlist
from octavo.engine.hypothesis import TokenIds
from octavo.model.config import ModelConfig

Counts: TypeAlias = npt.NDArray[np.int64]

MOST_PAIRS: Final = 1 << 24
"""Different pairs kept (256 MiB). Those seen least beyond them are dropped whenever as many pairs have come
in, so that what is dropped depends on the text alone, not on when counts were saved."""


class AlignmentCounts:
    """Counts of target tokens, and of (source token, target token) pairs."""

    def __init__(self, config: ModelConfig, *, most_pairs: int = MOST_PAIRS) -> None:
        self._config = config
        self._most_pairs = most_pairs
        self._targets: Counts = np.zeros(config.target_vocab_size, np.int64)
        self._keys: Counts = np.empty(0, np.int64)  # source * target vocabulary + target, ascending
        self._counts: Counts = np.empty(0, np.int64)
        self._new: list[Counts] = []
        self._new_pairs = 0
        self._since_drop = 0  # pairs that have come in

    def add_target(self, target: TokenIds) -> None:
        """Tokens of a translation."""
        np.add.at(self._targets, target, 1)

    def add_pairs(self, sources: TokenIds, targets: TokenIds) -> None:
        """Aligned tokens, pair by pair."""
        self._new.append(sources.astype(np.int64) * self._config.target_vocab_size + targets)
        self._new_pairs += len(sources)
        self._since_drop += len(sources)
        if self._since_drop >= self._most_pairs:
            self._merge()
            self._drop()
        elif self._new_pairs > max(1 << 20, len(self._keys)):
            self._merge()

    def _merge(self) -> None:
        keys, counts = np.unique(np.concatenate([*self._new, self._keys[:0]]), return_counts=True)
        self._new, self._new_pairs = [], 0
        keys, place = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        merged = np.zeros(len(keys), np.int64)
        np.add.at(merged, place, np.concatenate([self._counts, counts]))
        self._keys, self._counts = keys, merged

    def _drop(self) -> None:
        least = 1
        while np.count_nonzero(self._counts >= least) > self._most_pairs:
            least += 1
        kept = self._counts >= least
        self._keys, self._counts = self._keys[kept], self._counts[kept]
        self._since_drop = 0

    def arrays(self) -> dict[str, Counts]:
        """The counts as named arrays."""
        self._merge()
        return {
            "targets": self._targets,
            "keys": self._keys,
            "counts": self._counts,
            "since_drop": np.array([self._since_drop]),
        }

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Replace the counts by those that ``arrays`` gave."""
        self._targets, self._keys, self._counts = (
            np.asarray(arrays[name], np.int64) for name in ("targets", "keys", "counts")
        )
        self._since_drop = int(arrays["since_drop"][0])
        self._new, self._new_pairs = [], 0

    def shortlist(self, common: int, per_token: int) -> Shortlist:
        """The ``common`` most frequent target tokens (and EOS), and for each source token the ``per_token``
        others most often aligned with it: larger count first, then lower id. Where both sides share their
        embeddings a token may also be copied. ``suppressed_ids`` are left out."""
        config = self._config
        self._merge()
        usable = np.ones(config.target_vocab_size, bool)
        usable[list(config.suppressed_ids)] = False
        usable[config.eos_id] = False
        seen = np.flatnonzero(usable & (self._targets > 0))
        frequent = seen[np.argsort(-self._targets[seen], kind="stable")][:common]
        usable[frequent] = False
        pairs = [self._best(usable, per_token)]
        if config.shared_embeddings:
            pairs.append(np.flatnonzero(usable) * (config.target_vocab_size + 1))
        keys = np.unique(np.concatenate(pairs))
        starts = np.arange(config.source_vocab_size + 1) * config.target_vocab_size
        return Shortlist(
            np.sort(np.append(frequent, config.eos_id)).astype(np.int32),
            np.searchsorted(keys, starts).astype(np.int32),
            (keys % config.target_vocab_size).astype(np.int32),
        )

    def _best(self, usable: npt.NDArray[np.bool_], per_token: int) -> Counts:
        """Keys of the best pairs of every source token whose target is ``usable``."""
        keep = usable[self._keys % self._config.target_vocab_size]
        keys, counts = self._keys[keep], self._counts[keep]
        sources = keys // self._config.target_vocab_size
        order = np.lexsort((keys, -counts, sources))
        first = np.searchsorted(sources, sources)  # ascending as keys are, so the order keeps each its place
        best: Counts = keys[order][np.arange(len(keys)) - first < per_token]
        return best

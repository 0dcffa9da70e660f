"""Sentence pairs as token ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from octavo.engine.hypothesis import TokenIds


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Sources and the model's own translations of them, ids without EOS."""

    sources: tuple[TokenIds, ...]
    targets: tuple[TokenIds, ...]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def target_tokens(self) -> int:
        """The number of tokens that the model predicts, with the EOS of each sentence."""
        return sum(len(target) + 1 for target in self.targets)

    def first(self, most_tokens: int) -> Pairs:
        """The first pairs whose target tokens are at most ``most_tokens`` together; at least one pair."""
        total, count = 0, 0
        for target in self.targets:
            total += len(target) + 1
            if total > most_tokens and count:
                break
            count += 1
        return Pairs(self.sources[:count], self.targets[:count])

    def batches(self, size: int) -> Iterator[Pairs]:
        """The pairs in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            chosen = slice(start, start + size)
            yield Pairs(self.sources[chosen], self.targets[chosen])

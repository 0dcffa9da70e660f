"""Choosing the heads that align: those that agree best with the statistics of the text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.alignment.links import Ids, links
from octavo.engine import Engine
from octavo.model.alignment_heads import AlignmentHeads, AttentionHead
from octavo.model.limits import MAX_ALIGNMENT_HEADS

FEWEST_SENTENCES: Final = 16
MOST_TOKENS: Final = 100
"""Longer sentences tell less for their time."""

_SENTENCES_AT_ONCE: Final = 32


@dataclasses.dataclass(frozen=True, slots=True)
class HeadChoice:
    """``agreement``: the share of statistical links that the heads together find; ``single``: the same for
    the best head alone. ``sentences``: how many it was measured on."""

    heads: AlignmentHeads
    agreement: float
    single: float
    sentences: int

    def to_dict(self) -> dict[str, Any]:
        """What quality.json records."""
        return {
            **self.heads.to_dict(),
            "agreement": round(self.agreement, 4),
            "best_single_head": round(self.single, 4),
            "sentences": self.sentences,
        }


def choose_heads(engine: Engine, sources: Sequence[Ids], targets: Sequence[Ids]) -> HeadChoice | None:
    """The heads of ``engine``'s model that align the pairs best, in the precision that it runs in.

    Heads are added one by one, the one that makes all together agree best with ``links`` of the pairs, as
    long as the agreement grows. Pairs with an empty or very long side are left out. None where
    fewer than ``FEWEST_SENTENCES`` pairs or no links are left.
    """
    config = engine.config
    every = [
        (layer, head) for layer in range(config.decoder_layers) for head in range(config.attention_heads)
    ]
    used = [i for i, pair in enumerate(zip(sources, targets, strict=True)) if _is_useful(*pair)]
    if len(used) < FEWEST_SENTENCES:
        return None
    sources, targets = [sources[i] for i in used], [targets[i] for i in used]
    linked = links(sources, targets)
    if not any((found >= 0).any() for found in linked):
        return None
    weights = _Weights(engine, every, sources, targets, linked)
    chosen: list[int] = []
    reached = [0.0]
    while len(chosen) < min(len(every), MAX_ALIGNMENT_HEADS):
        best, agreement = weights.best_with(chosen)
        if chosen and agreement <= reached[-1]:
            break
        chosen.append(best)
        reached.append(agreement)
    heads = AlignmentHeads(tuple(sorted(every[i] for i in chosen)))
    return HeadChoice(heads, reached[-1], reached[1], len(sources))


def _is_useful(source: Ids, target: Ids) -> bool:
    return 0 < len(source) <= MOST_TOKENS and 0 < len(target) <= MOST_TOKENS


class _Weights:
    """What every head gives every source token, for all target tokens of the pairs one after the other."""

    def __init__(
        self,
        engine: Engine,
        heads: Sequence[AttentionHead],
        sources: Sequence[Ids],
        targets: Sequence[Ids],
        linked: Sequence[Ids],
    ) -> None:
        longest = max(map(len, sources)) + 1
        found = []
        for start in range(0, len(sources), _SENTENCES_AT_ONCE):
            batch = slice(start, start + _SENTENCES_AT_ONCE)
            for weights in engine.attention(sources[batch], targets[batch], heads):
                steps = weights[:, :-1]  # the last predicts EOS
                found.append(np.pad(steps, ((0, 0), (0, 0), (0, longest - steps.shape[2]))))
        self._weights: npt.NDArray[np.uint8] = np.concatenate(found, axis=1)
        self._ends = np.cumsum([len(target) for target in targets])
        self._linked = np.concatenate(linked)

    def best_with(self, chosen: Sequence[int]) -> tuple[int, float]:
        """The head that goes best with those chosen, the first of equals, and the agreement of them all."""
        sums = self._weights[list(chosen)].sum(axis=0, dtype=np.uint16)
        agreements = {
            head: self._agreement(sums + self._weights[head])
            for head in range(len(self._weights))
            if head not in chosen
        }
        return max(agreements.items(), key=lambda item: (item[1], -item[0]))

    def _agreement(self, sums: npt.NDArray[np.uint16]) -> float:
        """The share of links that are found from the target token and, weights taken as parts of a target
        token, from the source token; the mean of both."""
        rows = np.flatnonzero(self._linked >= 0)
        from_target = sums[rows].argmax(axis=1) == self._linked[rows]
        parts = sums / np.maximum(sums.sum(axis=1, keepdims=True, dtype=np.uint32), 1)
        starts = np.concatenate([[0], self._ends[:-1]])
        best = np.maximum.reduceat(parts, starts)  # of each pair and source token
        pair = np.searchsorted(self._ends, rows, side="right")
        from_source = parts[rows, self._linked[rows]] == best[pair, self._linked[rows]]
        return float((from_target.mean() + from_source.mean()) / 2)

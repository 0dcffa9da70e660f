"""Links between the tokens of sentence pairs by their statistics alone, without a model's attention.

IBM Model 1 (Brown et al. 1993) with the prior of Dyer et al. (2013), by which words stand about as far into a
sentence as their translations; in both directions, of which only links that both find are kept (Och and Ney
2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Ids: TypeAlias = npt.NDArray[np.int32]
Floats: TypeAlias = npt.NDArray[np.float64]

_ROUNDS: Final = 10
_EMPTY: Final = 0.08
"""The prior probability that a token has no counterpart."""
_DIAGONAL: Final = 5.0
_SMOOTHING: Final = 1e-3


def links(sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Ids]:
    """For each pair int32 [target tokens]: the source token that each is linked with, or -1.

    Neither side of a pair may be empty. Time and memory grow with source tokens times target tokens.
    """
    forward, backward = _best(sources, targets), _best(targets, sources)
    return [
        np.where(np.append(back, -1)[found] == np.arange(len(found)), found, -1).astype(np.int32)
        for found, back in zip(forward, backward, strict=True)
    ]


def _best(sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Ids]:
    """The likeliest source token of every target token, or -1: none."""
    cells = [_Cells(source, target) for source, target in zip(sources, targets, strict=True)]
    pairs, pair = np.unique(np.concatenate([c.pairs for c in cells]), return_inverse=True)
    source_of = np.unique(pairs >> 32, return_inverse=True)[1]
    prior = np.concatenate([c.prior for c in cells])
    row = np.repeat(
        np.arange(sum(map(len, targets))),
        np.concatenate([np.full(len(t), len(s) + 1) for s, t in zip(sources, targets, strict=True)]),
    )
    probability = np.ones(len(pairs))
    for _ in range(_ROUNDS):
        share = prior * probability[pair]
        share /= np.bincount(row, share)[row]
        count = np.bincount(pair, share)
        total = np.bincount(source_of, count)[source_of]
        probability = (count + _SMOOTHING) / (total + 1)
    likelihood = prior * probability[pair]
    found, begin = [], 0
    for source, target in zip(sources, targets, strict=True):
        end = begin + (len(source) + 1) * len(target)
        best = likelihood[begin:end].reshape(len(target), -1).argmax(axis=1)
        found.append(best.astype(np.int32) - 1)
        begin = end
    return found


class _Cells:
    """Every target token of a pair with the empty word and every source token: [target, 1 + source], flat."""

    def __init__(self, source: Ids, target: Ids) -> None:
        ids = np.concatenate([[0], source.astype(np.int64) + 1])
        self.pairs = ((ids[None, :] << 32) + target[:, None]).ravel()
        places = (np.arange(len(source)) + 0.5) / len(source)
        distance = np.abs((np.arange(len(target))[:, None] + 0.5) / len(target) - places)
        near = np.exp(-_DIAGONAL * distance)
        near *= (1 - _EMPTY) / near.sum(axis=1, keepdims=True)
        self.prior: Floats = np.concatenate([np.full((len(target), 1), _EMPTY), near], axis=1).ravel()

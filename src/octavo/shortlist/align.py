"""Which source tokens each target token was made from, by the decoder's cross-attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.calibration.observe.observations import Visit
from octavo.engine.hypothesis import TokenIds
from octavo.model.config import ModelConfig

FloatArray: TypeAlias = npt.NDArray[np.float32]

ATTENDED: Final = np.float32(0.05)
"""A source token that gets this much of the attention counts as aligned, like the one that gets most."""


class ObservableEngine(Protocol):
    """The part of octavo.engine.Engine that shows attention."""

    def observe(
        self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], visit: Visit, *, only: Sequence[str]
    ) -> None:
        """Run the float32 model on the pairs; ``visit`` hears the rows of the sites ``only``."""


def attention_site(layer: int) -> str:
    """Where a decoder layer's attention to the source is observed."""
    return f"decoder.layers.{layer}.cross_attention.weights"


def cross_attention(
    engine: ObservableEngine,
    config: ModelConfig,
    sources: Sequence[TokenIds],
    targets: Sequence[TokenIds],
    layers: Sequence[int],
) -> dict[int, list[FloatArray]]:
    """Of each layer and pair, [target tokens, source tokens]: the step that predicts a target token, its
    heads' attention averaged, EOS on either side left out. Memory for all pairs bounds their number."""
    seen: dict[str, list[FloatArray]] = {attention_site(layer): [] for layer in layers}
    engine.observe(sources, targets, lambda site, rows: seen[site].append(rows[0]), only=list(seen))
    return {
        layer: [
            _mean_of_heads(weights)[: len(target), : len(source)]
            for source, target, weights in zip(
                sources, targets, _by_pair(seen[attention_site(layer)], targets, config), strict=True
            )
        ]
        for layer in layers
    }


def _by_pair(
    rows: Sequence[FloatArray], targets: Sequence[TokenIds], config: ModelConfig
) -> list[list[list[FloatArray]]]:
    """The rows of each pair, by step and head; observed step by step, the pairs with longer targets first."""
    coming = iter(rows)
    found: list[list[list[FloatArray]]] = [[] for _ in targets]
    live = sorted(range(len(targets)), key=lambda pair: -len(targets[pair]))
    for step in range(max(map(len, targets), default=-1) + 1):
        live = [pair for pair in live if len(targets[pair]) >= step]
        for pair in live:
            found[pair].append([next(coming) for _ in range(config.attention_heads)])
    return found


def _mean_of_heads(rows: list[list[FloatArray]]) -> FloatArray:
    """[steps, keys] of exp(score - largest), [steps][heads][keys]. Sums run in order: alike on every CPU."""
    weights = np.asarray(rows, np.float32)
    shares = weights / np.cumsum(weights, axis=2)[:, :, -1:]
    mean = np.cumsum(shares, axis=1)[:, -1] / np.float32(weights.shape[1])
    return mean.astype(np.float32, copy=False)


def aligned(weights: FloatArray, source: TokenIds, target: TokenIds) -> tuple[TokenIds, TokenIds]:
    """Source and target ids of every aligned pair, from attention [target tokens, source tokens]."""
    if not weights.size:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    chosen = weights >= ATTENDED
    chosen[np.arange(len(target)), weights.argmax(axis=1)] = True
    rows, columns = np.nonzero(chosen)
    return source[columns], target[rows]


def batches(
    sources: Sequence[TokenIds], targets: Sequence[TokenIds], size: int
) -> Iterator[tuple[Sequence[TokenIds], Sequence[TokenIds]]]:
    """The pairs in order, ``size`` at a time."""
    for start in range(0, len(sources), size):
        yield sources[start : start + size], targets[start : start + size]

"""Which decoder layer aligns best: the one whose lists hold most of the tokens of other sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from octavo.artifact import ModelDirectory, Shortlist
from octavo.engine.hypothesis import TokenIds
from octavo.runs.progress import Progress
from octavo.shortlist.counting import Engines
from octavo.shortlist.counts import AlignmentCounts
from octavo.shortlist.text import Pair

SENTENCES: Final = 2048
"""The layer is chosen on so many of the first sentences: counted on every other one, judged by the rest."""

_COMMON: Final = 100
_PER_TOKEN: Final = 10


@dataclasses.dataclass(frozen=True, slots=True)
class LayerChoice:
    """``missed``: for every layer, the share of target tokens that its lists, few and short, lack."""

    layer: int
    missed: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LayerChoice:
        """Inverse of ``dataclasses.asdict``, of values that have been JSON."""
        return cls(values["layer"], tuple(values["missed"]))


def choose_layer(
    model: ModelDirectory, engines: Engines, pairs: Sequence[Pair], progress: Progress
) -> LayerChoice:
    """The layer that misses the fewest target tokens; the later of two that miss as many."""
    layers = range(model.config.decoder_layers)
    progress.stage("Choosing the layer that aligns best", len(pairs))
    targets = engines.targets(pairs)
    counts = {layer: AlignmentCounts(model.config) for layer in layers}
    counted = range(0, len(pairs), 2)
    found = engines.alignments([pairs[i].source for i in counted], [targets[i] for i in counted], layers)
    for alignments in found:
        for layer, batch in alignments.items():
            for pair in batch:
                counts[layer].add_pairs(*pair)
        progress.advance(2 * len(alignments[0]))
    for of_layer in counts.values():
        for i in counted:
            of_layer.add_target(targets[i])
    judged = range(1, len(pairs), 2) if len(pairs) > 1 else counted
    missed = tuple(
        missed_share(
            counts[layer].shortlist(_COMMON, _PER_TOKEN),
            [pairs[i].source for i in judged],
            [targets[i] for i in judged],
        )
        for layer in layers
    )
    return LayerChoice(max(layers, key=lambda layer: (-missed[layer], layer)), missed)


def missed_share(shortlist: Shortlist, sources: Sequence[TokenIds], targets: Sequence[TokenIds]) -> float:
    """The share of target tokens that are no candidates of their source."""
    missed = total = 0
    for source, target in zip(sources, targets, strict=True):
        unknown = target[~np.isin(target, shortlist.common)]
        missed += int(np.count_nonzero(~np.isin(unknown, shortlist.own(source))))
        total += len(target)
    return missed / total if total else 0.0

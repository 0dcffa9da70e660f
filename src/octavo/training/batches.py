"""Batches of like lengths within a token budget, and their tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from octavo.spec import ModelConfig
from octavo.training.corpus import Pair


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Padded int64 tensors: source [B, S] and its lengths [B], decoder input and labels [B, T].

    ``tokens`` counts labels without padding.
    """

    source: Tensor
    lengths: Tensor
    target: Tensor
    labels: Tensor
    tokens: int

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        source, lengths, target, labels = (
            tensor.to(device, non_blocking=True)
            for tensor in (self.source, self.lengths, self.target, self.labels)
        )
        return Batch(source, lengths, target, labels, self.tokens)


IGNORED_LABEL = -100


def plan_epoch(pairs: Sequence[Pair], budget: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of each micro-batch of an epoch; every pair is in exactly one.

    Pairs are sorted by length, ties and batches in an order drawn from (seed, epoch). A batch's padded
    size, rows times its longest side with EOS, is at most ``budget`` unless it has a single row.
    """
    random = np.random.default_rng([seed, epoch, 2])
    shuffled = random.permutation(len(pairs))
    order = sorted(shuffled.tolist(), key=lambda i: (len(pairs[i].target), len(pairs[i].source)))
    batches: list[list[int]] = []
    widest = 0
    for i in order:
        width = max(len(pairs[i].source), len(pairs[i].target)) + 1
        if batches and max(widest, width) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(i)
            widest = max(widest, width)
        else:
            batches.append([i])
            widest = width
    return [batches[i] for i in random.permutation(len(batches))]


def make_batch(pairs: Sequence[Pair], config: ModelConfig) -> Batch:
    """Pad pairs (without EOS) into a batch."""
    sources = [[*p.source, config.eos_id] if config.source_eos else list(p.source) for p in pairs]
    inputs = [[config.decoder_start_id, *p.target] for p in pairs]
    labels = [[*p.target, config.eos_id] for p in pairs]
    return Batch(
        _pad(sources, config.pad_id),
        torch.tensor([len(source) for source in sources]),
        _pad(inputs, config.pad_id),
        _pad(labels, IGNORED_LABEL),
        sum(map(len, labels)),
    )


def _pad(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

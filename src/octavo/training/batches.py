"""Batches of pairs of like lengths within a token budget, and their tensors; and what any batch has."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from octavo.model.config import ModelConfig
from octavo.training.corpus import Pair


class AnyBatch(Protocol):
    """What an update needs of a micro-batch: the model's inputs, and labels [B, T] for logits [B, T, V]."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Arguments of the model."""

    @property
    def labels(self) -> Tensor:
        """Int64; IGNORED_LABEL where there is none."""

    @property
    def tokens(self) -> int:
        """How many labels there are."""

    def to(self, device: torch.device) -> Self:
        """The batch on a device."""


class Epoch(Protocol):
    """The examples of an epoch, of which micro-batches are made."""

    def batch(self, chosen: Sequence[int]) -> AnyBatch:
        """The micro-batch of these examples."""


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

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Arguments of the model."""
        return self.source, self.lengths, self.target

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

    Pairs are sorted by their longer side, then by their source, so that little is padded on either side; ties
    and batches come in an order drawn from (seed, epoch). A batch's padded size, rows times its longest side
    with EOS, is at most ``budget`` unless it has a single row.
    """
    random = np.random.default_rng([seed, epoch, 2])
    shuffled = random.permutation(len(pairs))
    source, target = (np.array([len(side) for side in sides]) for sides in _sides(pairs))
    order = shuffled[np.lexsort((source[shuffled], np.maximum(source, target)[shuffled]))].tolist()
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


def _sides(pairs: Sequence[Pair]) -> tuple[list[Sequence[int]], list[Sequence[int]]]:
    return [pair.source for pair in pairs], [pair.target for pair in pairs]


def make_batch(pairs: Sequence[Pair], config: ModelConfig) -> Batch:
    """Pad pairs (without EOS) into a batch."""
    sources = [[*p.source, config.eos_id] if config.source_eos else list(p.source) for p in pairs]
    inputs = [[config.decoder_start_id, *p.target] for p in pairs]
    labels = [[*p.target, config.eos_id] for p in pairs]
    return Batch(
        pad(sources, config.pad_id),
        torch.tensor([len(source) for source in sources]),
        pad(inputs, config.pad_id),
        pad(labels, IGNORED_LABEL),
        sum(map(len, labels)),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class PairEpoch:
    """An epoch of sentence pairs."""

    pairs: Sequence[Pair]
    config: ModelConfig

    def batch(self, chosen: Sequence[int]) -> Batch:
        """The micro-batch of these pairs."""
        return make_batch([self.pairs[i] for i in chosen], self.config)


def pad(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """Rows of one width, int64."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

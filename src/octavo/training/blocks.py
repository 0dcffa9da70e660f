"""A language model's training text: one stream of tokens, cut into blocks anew in every epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from octavo.model.config import ModelConfig
from octavo.text.stream import TokenIds
from octavo.training.batches import IGNORED_LABEL, pad


@dataclasses.dataclass(frozen=True, slots=True)
class BlockBatch:
    """Blocks: what is fed and what follows, int64 [B, T]. ``tokens`` counts labels without padding."""

    fed: Tensor
    labels: Tensor
    tokens: int

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Arguments of the model."""
        return (self.fed,)

    def to(self, device: torch.device) -> BlockBatch:
        """The batch on a device."""
        fed, labels = (tensor.to(device, non_blocking=True) for tensor in (self.fed, self.labels))
        return BlockBatch(fed, labels, self.tokens)


@dataclasses.dataclass(frozen=True, slots=True)
class BlockEpoch:
    """An epoch's blocks of ``sequence``, decoder_start_id and then every token of the text.

    Block i feeds sequence[cuts[i] : cuts[i + 1]] and is scored on the tokens one further on: together the
    blocks score every token once. Only the first one begins with decoder_start_id.
    """

    sequence: TokenIds
    cuts: Sequence[int]
    config: ModelConfig

    def batch(self, chosen: Sequence[int]) -> BlockBatch:
        """The micro-batch of these blocks; short ones are padded at their end, which nothing before sees."""
        spans = [self.sequence[self.cuts[i] : self.cuts[i + 1] + 1].tolist() for i in chosen]
        return BlockBatch(
            pad([span[:-1] for span in spans], self.config.pad_id),
            pad([span[1:] for span in spans], IGNORED_LABEL),
            sum(len(span) - 1 for span in spans),
        )


def block_epoch(
    sequence: TokenIds, config: ModelConfig, block_tokens: int, batch_tokens: int, seed: int, epoch: int
) -> tuple[BlockEpoch, list[list[int]]]:
    """Blocks of ``block_tokens``, the first and the last may be shorter, and the micro-batches of them.

    Where blocks begin, and their order, are drawn from (seed, epoch): over the epochs every token is seen
    with contexts of every length.
    """
    predicted = len(sequence) - 1
    offset = int(np.random.default_rng([seed, epoch, 1]).integers(block_tokens))
    inner = range(offset, predicted, block_tokens)
    cuts = sorted({0, *inner, predicted})
    order = np.random.default_rng([seed, epoch, 2]).permutation(len(cuts) - 1).tolist()
    rows = batch_tokens // block_tokens
    plan = [order[first : first + rows] for first in range(0, len(order), rows)]
    return BlockEpoch(sequence, cuts, config), plan

"""Log-probabilities of the last tokens of sequences, in batches: what perplexity is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from octavo.reference.language_model import LanguageModel


@torch.inference_mode()
def score_last(
    model: LanguageModel, sequences: Sequence[Sequence[int]], counts: Sequence[int]
) -> list[list[float]]:
    """For each sequence log P, in nats, of its last ``counts[i]`` tokens, each given all before it.

    A sequence has at least one token more than are scored. Raises ValueError where it has not, or is too
    long.
    """
    for i, (sequence, count) in enumerate(zip(sequences, counts, strict=True)):
        if not 0 < count < len(sequence):
            raise ValueError(
                f"sequence {i}: {count} tokens to score of {len(sequence)}, the first is only seen"
            )
    width = max(map(len, sequences))
    padded = [[*sequence, *[model.config.pad_id] * (width - len(sequence))] for sequence in sequences]
    before = [len(sequence) - 1 - count for sequence, count in zip(sequences, counts, strict=True)]
    first = min(before)
    scores = model.log_probabilities(torch.tensor(padded, device=model.target_table.device), first).cpu()
    return [
        row[skipped - first : skipped - first + count].tolist()
        for row, skipped, count in zip(scores, before, counts, strict=True)
    ]

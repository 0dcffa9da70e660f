"""Cross-entropy of the output projection without ever holding all its logits."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

_CHUNK_LOGITS = 1 << 22
"""Logits that are in memory at once, 16 MiB in float32."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """The tokens that a micro-batch's logits are made for. Sampled softmax after Jean et al. 2015.

    ``tokens`` [C]: every label of the micro-batch, then tokens drawn from the others. ``labels`` [N]: indices
    into them. ``weights`` [C]: how many tokens of the vocabulary each stands for, 1 for labels: the sum over
    candidates of weight * exp(logit) is an unbiased estimate of the sum over the vocabulary.
    """

    tokens: Tensor
    labels: Tensor
    weights: Tensor

    @classmethod
    def sample(cls, labels: Tensor, vocabulary: int, count: int, seed: int) -> Candidates:
        """About ``count`` candidates for labels [N]; all labels, if there are more of them."""
        known, index = torch.unique(labels, return_inverse=True)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(vocabulary, generator=generator).to(labels.device)
        is_known = torch.zeros(vocabulary, dtype=torch.bool, device=labels.device)
        is_known[known] = True
        others = order[~is_known[order]]
        drawn = others[: max(0, count - len(known))]
        weights = torch.ones(len(known) + len(drawn), device=labels.device)
        if len(drawn):
            weights[len(known) :] = len(others) / len(drawn)
        return cls(torch.cat([known, drawn]), index, weights)


def projected_loss(
    states: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    smoothing: float,
    candidates: Candidates | None = None,
) -> Tensor:
    """Label-smoothed cross-entropy (Szegedy et al. 2016) in nats, summed: states [N, d], weight [V, d], bias
    [V] or none, labels [N]; over the candidates alone where they are given.
    """
    if candidates is not None:
        weight = weight[candidates.tokens]
        bias = None if bias is None else bias[candidates.tokens]
        labels = candidates.labels
    weights = None if candidates is None else candidates.weights
    loss: Tensor = _ProjectedLoss.apply(states, weight, bias, labels, smoothing, weights)  # type: ignore[no-untyped-call]
    return loss


class _ProjectedLoss(torch.autograd.Function):
    """The gradient is made with the loss, a chunk of rows at a time."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        smoothing: float,
        weights: Tensor | None,
    ) -> Tensor:
        count = len(weight)
        shares: Tensor | float = smoothing / count
        offset = 0.0
        if weights is not None:
            logarithms = weights.log()
            shares = weights * (smoothing / weights.sum())
            offset = float((shares * logarithms).sum())
        to_states = torch.empty_like(states)
        to_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        to_bias = None if bias is None else torch.zeros(count, dtype=torch.float32, device=weight.device)
        total = torch.zeros((), dtype=torch.float64, device=states.device)
        rows = max(1, _CHUNK_LOGITS // count)
        for first in range(0, len(states), rows):
            chunk, wanted = states[first : first + rows], labels[first : first + rows, None]
            logits = (chunk @ weight.T).float()
            if bias is not None:
                logits += bias.float()
            if weights is not None:
                logits += logarithms
            smooth = (logits * shares).sum(1) if smoothing else 0.0
            sums = logits.logsumexp(1, keepdim=True)
            losses = sums[:, 0] - (1 - smoothing) * logits.gather(1, wanted)[:, 0] - smooth + offset
            total += losses.sum(dtype=torch.float64)
            gradient = logits.sub_(sums).exp_()
            if smoothing:
                gradient -= shares
            gradient.scatter_add_(1, wanted, torch.full_like(sums, smoothing - 1))
            if to_bias is not None:
                to_bias += gradient.sum(0)
            narrow = gradient.to(weight.dtype)
            to_states[first : first + rows] = narrow @ weight
            to_weight += narrow.T @ chunk
        ctx.save_for_backward(to_states, to_weight, to_bias)
        ctx.weight_dtype = weight.dtype
        ctx.bias_dtype = None if bias is None else bias.dtype
        return total.float()

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        to_states, to_weight, to_bias = ctx.saved_tensors
        scale = outputs[0]
        return (
            to_states * scale.to(to_states.dtype),
            (to_weight * scale).to(ctx.weight_dtype),
            None if to_bias is None else (to_bias * scale).to(ctx.bias_dtype),
            None,
            None,
            None,
        )

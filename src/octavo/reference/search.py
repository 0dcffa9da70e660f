"""Greedy and beam search, as docs/numerics.md ("Search") defines them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from octavo.reference.model import DecodingState, Transformer
from octavo.spec import ModelConfig


@dataclasses.dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of a search, named as in the engine."""

    beam: int = 4
    nbest: int = 1
    length_penalty: float = 1.0
    min_length: int = 0
    max_length: int = 512
    length_ratio: float = 2.0
    length_margin: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.nbest <= self.beam:
            raise ValueError(f"nbest = {self.nbest}: must be from 1 to beam = {self.beam}")


@dataclasses.dataclass(frozen=True, slots=True)
class Hypothesis:
    """A translation without EOS, its score, and whether it ended with EOS."""

    tokens: tuple[int, ...]
    score: float
    complete: bool


def divisor(length: int, penalty: float) -> float:
    """length^penalty: exact for 0 and 1."""
    if penalty in (0.0, 1.0):
        return float(length) if penalty else 1.0
    return math.exp(penalty * math.log(length))


def longest(config: ModelConfig, options: SearchOptions, source_tokens: int) -> int:
    """The cap on a translation in tokens with EOS; source tokens counted with EOS."""
    relative = math.floor(options.length_ratio * source_tokens + options.length_margin)
    return max(1, min(options.max_length, relative, config.max_positions))


def best(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of each row [R, N] with their columns: larger first, then the lower column."""
    count = min(count, values.shape[1])
    top = values.topk(count, dim=1)
    if bool((values >= top.values[:, -1:]).sum(1).gt(count).any()):  # a tie at the border
        order = values.argsort(dim=1, descending=True, stable=True)[:, :count]
        return values.gather(1, order), order
    columns = top.indices.sort(dim=1).values
    order = values.gather(1, columns).argsort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    return values.gather(1, columns), columns


@dataclasses.dataclass(slots=True)
class _Live:
    """A hypothesis still growing: its tokens, log-probability and row in the decoding state."""

    tokens: tuple[int, ...]
    total: float
    row: int


class _Sentence:
    """The search of one sentence."""

    def __init__(self, index: int, options: SearchOptions, cap: int, row: int) -> None:
        self.index, self.options, self.cap = index, options, cap
        self.live = [_Live((), 0.0, row)]
        self.finished: list[Hypothesis] = []
        self.done = False

    def _finish(self, tokens: tuple[int, ...], total: float, complete: bool) -> None:
        score = total / divisor(len(tokens) + complete, self.options.length_penalty)
        self.finished.append(Hypothesis(tokens, score, complete))

    def advance(self, candidates: list[tuple[float, int, int]], eos_id: int) -> None:
        """Walk the best 2 * beam candidates (sum, live hypothesis, token), best first."""
        before, self.live = self.live, []
        beam = self.options.beam
        for rank, (total, parent, token) in enumerate(candidates):
            origin = before[parent]
            if token != eos_id:
                self.live.append(_Live((*origin.tokens, token), total, origin.row))
            elif rank < beam:
                self._finish(origin.tokens, total, complete=True)
            if len(self.live) == beam or len(self.finished) == beam:
                break
        self._end(length=len(before[0].tokens) + 1)

    def _end(self, length: int) -> None:
        if len(self.finished) >= self.options.beam or not self.live:
            self.done = True
        elif length == self.cap:
            for hypothesis in self.live:
                self._finish(hypothesis.tokens, hypothesis.total, complete=False)
            self.done = True
        else:
            limit = max(h.total for h in self.live) / divisor(self.cap, self.options.length_penalty)
            self.done = sum(h.score >= limit for h in self.finished) >= self.options.nbest

    def results(self) -> list[Hypothesis]:
        """Best first; Python's sort is stable, so ties stay in the order of finishing."""
        return sorted(self.finished, key=lambda h: -h.score)[: self.options.nbest]


@torch.inference_mode()
def search(
    model: Transformer, sources: Sequence[Sequence[int]], options: SearchOptions
) -> list[list[Hypothesis]]:
    """Translate a batch of token sequences (without EOS); for each its n-best list, best first.

    Raises ValueError for a source that is empty or longer than the model's positions.
    """
    config = model.config
    rows = [[*source, config.eos_id] if config.source_eos else list(source) for source in sources]
    for i, row in enumerate(rows):
        if not 1 <= len(row) <= config.max_positions:
            raise ValueError(f"source {i} has {len(row)} tokens; must be from 1 to {config.max_positions}")
    if not rows:
        return []
    device = model.target_table.device
    lengths = torch.tensor([len(row) for row in rows], device=device)
    width = max(map(len, rows))
    padded = torch.tensor([row + [config.pad_id] * (width - len(row)) for row in rows], device=device)

    state = model.start(padded, lengths)
    sentences = [_Sentence(i, options, longest(config, options, len(row)), i) for i, row in enumerate(rows)]
    active = sentences
    tokens = torch.full((len(rows),), config.decoder_start_id, device=device)
    while active:
        logits = model.step(tokens, state).float()
        for sentence, candidates in zip(
            active, _candidates(logits, active, config, options, state.length - 1), strict=True
        ):
            sentence.advance(candidates, config.eos_id)
        kept = [i for i, sentence in enumerate(active) if not sentence.done]
        active = [active[i] for i in kept]
        if active:
            tokens = _rearrange(active, kept, state)
    return [sentence.results() for sentence in sentences]


def _candidates(
    logits: Tensor, active: list[_Sentence], config: ModelConfig, options: SearchOptions, produced: int
) -> list[list[tuple[float, int, int]]]:
    """For each sentence its best 2 * beam continuations from logits [R, V], in the order of the walk."""
    normalizer = logits.logsumexp(1, keepdim=True)
    barred = list(config.suppressed_ids) + ([config.eos_id] if produced < options.min_length else [])
    logits[:, barred] = -torch.inf
    count = 2 * options.beam
    values, ids = best(logits, count)
    width = len(logits) // len(active)
    slots = range(width)
    totals = torch.tensor(
        [[s.live[j].total if j < len(s.live) else -torch.inf for j in slots] for s in active],
        device=logits.device,
    )
    # [sentence, hypothesis, offer] flattened: the lower column is the lower hypothesis. Within one
    # hypothesis offers come by logit, so equal sums are put in order of id.
    sums = (totals.flatten()[:, None] + (values - normalizer)).view(len(active), -1)
    offers = ids.shape[1]
    flat = ids.view(len(active), -1)
    order = flat.view(-1, offers).argsort(dim=1, stable=True)
    by_id = (order.view(len(active), width, offers) + torch.arange(width, device=ids.device)[:, None] * offers)
    by_id = by_id.view(len(active), -1)
    top, where = best(sums.gather(1, by_id), count)
    chosen = flat.gather(1, by_id).gather(1, where)
    return [
        [(t, w // offers, c) for t, w, c in zip(*columns, strict=True) if t > -math.inf]
        for columns in zip(top.tolist(), where.tolist(), chosen.tolist(), strict=True)
    ]


def _rearrange(active: list[_Sentence], kept: list[int], state: DecodingState) -> Tensor:
    """Make the state's rows those of the live hypotheses, equally many a sentence; their last tokens.

    A sentence with fewer live hypotheses than the others repeats its first; those rows are not read.
    """
    device = state.mask.device
    width = max(len(sentence.live) for sentence in active)
    rows, tokens = [], []
    for i, sentence in enumerate(active):
        padded = sentence.live + [sentence.live[0]] * (width - len(sentence.live))
        rows += [hypothesis.row for hypothesis in padded]
        tokens += [hypothesis.tokens[-1] for hypothesis in padded]
        for j, hypothesis in enumerate(sentence.live):
            hypothesis.row = i * width + j
    state.select(torch.tensor(kept, device=device), torch.tensor(rows, device=device))
    return torch.tensor(tokens, device=device)

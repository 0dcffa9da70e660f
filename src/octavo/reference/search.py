"""Greedy and beam search, as docs/numerics.md ("Search") defines them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from octavo.reference.model import DecodingState, Transformer
from octavo.spec import ModelConfig, SearchOptions


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

    def __init__(self, index: int, options: SearchOptions, cap: int) -> None:
        self.index, self.options, self.cap = index, options, cap
        self.live = [_Live((), 0.0, row=index)]
        self.finished: list[Hypothesis] = []
        self.done = False

    def _finish(self, tokens: tuple[int, ...], total: float, complete: bool) -> None:
        score = total / divisor(len(tokens) + complete, self.options.length_penalty)
        self.finished.append(Hypothesis(tokens, score, complete))

    def advance(self, candidates: list[tuple[float, int, int]], eos_id: int) -> None:
        """Walk the best 2 * beam candidates (sum, live hypothesis, token), best first.

        Raises ValueError when there is none: the model's scores are not finite.
        """
        if not candidates:
            raise ValueError(f"sentence {self.index}: the model's scores are not finite")
        before, self.live = self.live, []
        beam = self.options.beam
        for rank, (total, parent, token) in enumerate(candidates):
            origin = before[parent]
            if token != eos_id:
                self.live.append(_Live((*origin.tokens, token), total, origin.row))
            elif rank < beam:
                self._finish(origin.tokens, total, complete=True)
            if len(self.live) == beam:
                break
        if len(self.finished) >= beam or not self.live or self._no_better_can_come():
            self.done = True
        elif len(self.live[0].tokens) == self.cap:
            self.done = True
            for hypothesis in self.live:
                self._finish(hypothesis.tokens, hypothesis.total, complete=False)

    def _no_better_can_come(self) -> bool:
        """Whether ``nbest`` finished ones score at least what a live one could at the longest length."""
        bound = max(h.total for h in self.live) / divisor(self.cap, self.options.length_penalty)
        return sum(h.score >= bound for h in self.finished) >= self.options.nbest

    def results(self) -> list[Hypothesis]:
        """Best first; Python's sort is stable, so ties stay in the order of finishing."""
        return sorted(self.finished, key=lambda h: -h.score)[: self.options.nbest]


@torch.inference_mode()
def search(
    model: Transformer, sources: Sequence[Sequence[int]], options: SearchOptions
) -> list[list[Hypothesis]]:
    """Translate a batch of token sequences (without EOS); for each its n-best list, best first.

    Raises ValueError for a source that is empty or longer than the model's positions, and for more results
    than the beam is wide.
    """
    if not 1 <= options.nbest <= options.beam:
        raise ValueError(f"nbest = {options.nbest}: must be from 1 to beam = {options.beam}")
    if not sources:
        return []
    config = model.config
    source, lengths = _pad_sources(config, sources)
    device = model.target_table.device
    state = model.start(source.to(device), lengths.to(device))
    sentences = [
        _Sentence(i, options, longest(config, options, length)) for i, length in enumerate(lengths.tolist())
    ]
    active = sentences
    tokens = torch.full((len(sentences),), config.decoder_start_id, device=device)
    while active:
        logits = model.step(tokens, state).float()
        offered = _candidates(logits, active, config, options, produced=state.length - 1)
        for sentence, candidates in zip(active, offered, strict=True):
            sentence.advance(candidates, config.eos_id)
        kept = [i for i, sentence in enumerate(active) if not sentence.done]
        active = [active[i] for i in kept]
        if active:
            tokens = _rearrange(active, kept, state)
    return [sentence.results() for sentence in sentences]


def _pad_sources(config: ModelConfig, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Sources with their EOS as a padded [B, S], and their lengths [B]."""
    rows = [[*source, config.eos_id] if config.source_eos else list(source) for source in sources]
    for i, row in enumerate(rows):
        if not 1 <= len(row) <= config.max_positions:
            raise ValueError(f"source {i} has {len(row)} tokens; must be from 1 to {config.max_positions}")
    width = max(map(len, rows))
    padded = [row + [config.pad_id] * (width - len(row)) for row in rows]
    return torch.tensor(padded), torch.tensor([len(row) for row in rows])


def _candidates(
    logits: Tensor, active: list[_Sentence], config: ModelConfig, options: SearchOptions, produced: int
) -> list[list[tuple[float, int, int]]]:
    """For each sentence its best 2 * beam continuations from logits [R, V], in the order of the walk."""
    normalizer = logits.logsumexp(1, keepdim=True)
    barred = list(config.suppressed_ids) + ([config.eos_id] if produced < options.min_length else [])
    logits[:, barred] = -torch.inf
    values, ids = best(logits, 2 * options.beam)
    width, offers = len(logits) // len(active), ids.shape[1]
    totals = [[s.live[j].total if j < len(s.live) else -math.inf for j in range(width)] for s in active]
    sums = torch.tensor(totals, device=logits.device).view(-1, 1) + (values - normalizer)
    # In order of hypothesis and id, so that among equal sums the first column is the one to take.
    by_id = ids.argsort(dim=1)
    sums, ids = (x.gather(1, by_id).view(len(active), -1) for x in (sums, ids))
    top, columns = best(sums, 2 * options.beam)
    tokens = ids.gather(1, columns)
    return [
        [
            (total, column // offers, token)
            for total, column, token in zip(*row, strict=True)
            if total > -math.inf
        ]
        for row in zip(top.tolist(), columns.tolist(), tokens.tolist(), strict=True)
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

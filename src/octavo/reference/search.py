"""Greedy and beam search, as docs/numerics.md ("Search") defines them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from octavo.model.config import ModelConfig
from octavo.model.search import SearchOptions
from octavo.reference.model import DecodingState, Transformer
from octavo.reference.sentence_search import Hypothesis, SentenceSearch, SentenceSearchWithTerms
from octavo.reference.terms import Term, Terms

__all__ = ["Hypothesis", "best", "search"]


def longest(config: ModelConfig, options: SearchOptions, source_tokens: int, demanded_tokens: int = 0) -> int:
    """The cap on a translation in tokens with EOS; source tokens counted with EOS. Its terms and its prefix
    have ``demanded_tokens``."""
    relative = math.floor(options.length_ratio * source_tokens + options.length_margin) + demanded_tokens
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


@torch.inference_mode()
def search(
    model: Transformer,
    sources: Sequence[Sequence[int]],
    options: SearchOptions,
    terms: Sequence[Sequence[Term]] | None = None,
    continuations: Collection[int] = (),
    prefixes: Sequence[Sequence[int]] | None = None,
) -> list[list[Hypothesis]]:
    """Translate a batch of token sequences (without EOS); for each its n-best list, best first.

    ``terms``: for each source, those that its translations must contain; ``continuations``: the tokens that
    continue a word; ``prefixes``: for each source, the tokens that its translations begin with. Raises
    ValueError for a source that is empty or longer than the model's positions, a prefix that leaves no room,
    and more results than the beam is wide.
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
        _sentence(
            i,
            config,
            options,
            length,
            prefixes[i] if prefixes else (),
            Terms(terms[i] if terms else (), continuations),
        )
        for i, length in enumerate(lengths.tolist())
    ]
    active = sentences
    tokens = torch.full((len(sentences),), config.decoder_start_id, device=device)
    while active:
        logits = model.step(tokens, state).float()
        offered = _candidates(logits, active, config, options)
        finite = logits.logsumexp(1).isfinite().view(len(active), -1).any(1).tolist()
        for sentence, candidates, is_finite in zip(active, offered, finite, strict=True):
            if sentence.force():
                continue
            if candidates:
                sentence.advance(candidates, config.eos_id)
            else:
                sentence.nothing_follows(is_finite)
        kept = [i for i, sentence in enumerate(active) if not sentence.done]
        active = [active[i] for i in kept]
        if active:
            tokens = _rearrange(active, kept, state)
    return [sentence.results() for sentence in sentences]


def _sentence(
    index: int,
    config: ModelConfig,
    options: SearchOptions,
    source_tokens: int,
    prefix: Sequence[int],
    terms: Terms,
) -> SentenceSearch:
    cap = longest(config, options, source_tokens, terms.longest + len(prefix))
    if prefix and len(prefix) >= cap:
        raise ValueError(f"source {index}: a prefix of {len(prefix)} tokens leaves no room in {cap}")
    if terms.terms:
        return SentenceSearchWithTerms(index, options, cap, prefix, terms)
    return SentenceSearch(index, options, cap, prefix)


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
    logits: Tensor, active: list[SentenceSearch], config: ModelConfig, options: SearchOptions
) -> list[list[tuple[float, int, int]]]:
    """For each sentence its best 2 * beam continuations from logits [R, V], in the order of the walk; where
    it has terms, those of every hypothesis, and its wanted tokens."""
    width = len(logits) // len(active)
    _penalize(logits, active, options.repetition_penalty)
    scores = logits - logits.logsumexp(1, keepdim=True)
    allowed = logits.clone()
    suppressed = config.suppressed_ids if options.suppressed_ids is None else options.suppressed_ids
    allowed[:, list(suppressed)] = -torch.inf
    for i, sentence in enumerate(active):
        for j, hypothesis in enumerate(sentence.live):
            barred = sentence.barred(hypothesis)
            if not sentence.may_end(hypothesis):
                barred = barred | {config.eos_id}
            if barred:
                allowed[i * width + j, list(barred)] = -torch.inf
    values, ids = best(allowed, 2 * options.beam)
    offered = scores.gather(1, ids).masked_fill(values == -torch.inf, -torch.inf)
    totals = [[s.live[j].total if j < len(s.live) else -math.inf for j in range(width)] for s in active]
    sums = torch.tensor(totals, device=logits.device).view(-1, 1) + offered
    # In order of hypothesis and id, so that among equal sums the first column is the one to take.
    by_id = ids.argsort(dim=1)
    sums, ids = (x.gather(1, by_id).view(len(active), -1) for x in (sums, ids))
    top, columns = best(sums, 2 * options.beam)
    tokens, offers = ids.gather(1, columns), sums.shape[1] // width
    rows = zip(top.tolist(), columns.tolist(), tokens.tolist(), strict=True)
    found = [
        [
            (total, column // offers, token)
            for total, column, token in zip(*row, strict=True)
            if total > -math.inf
        ]
        for row in rows
    ]
    for i, sentence in enumerate(active):
        if isinstance(sentence, SentenceSearchWithTerms):
            place = slice(i * width, i * width + len(sentence.live))
            everything = sums[i].view(width, -1), ids[i].view(width, -1), scores[place]
            found[i] = _candidates_with_terms(sentence, *(x.tolist() for x in everything))
    return found


def _penalize(logits: Tensor, active: list[SentenceSearch], penalty: float) -> None:
    """Make tokens that a hypothesis would repeat less likely: docs/numerics.md."""
    width = len(logits) // len(active)
    for i, sentence in enumerate(active):
        for j, hypothesis in enumerate(sentence.live):
            if repeated := list(sentence.penalized(hypothesis)):
                row = logits[i * width + j]
                row[repeated] = torch.where(
                    row[repeated] < 0, row[repeated] * penalty, row[repeated] / penalty
                )


def _candidates_with_terms(
    sentence: SentenceSearchWithTerms,
    sums: list[list[float]],
    ids: list[list[int]],
    scores: list[list[float]],
) -> list[tuple[float, int, int]]:
    found = []
    for j, hypothesis in enumerate(sentence.live):
        wanted = sentence.wanted(hypothesis)
        offered = zip(sums[j], ids[j], strict=True)
        found += [(total, j, t) for total, t in offered if total > -math.inf and t not in wanted]
        found += [(hypothesis.total + scores[j][t], j, t) for t in wanted]
    return found


def _rearrange(active: list[SentenceSearch], kept: list[int], state: DecodingState) -> Tensor:
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

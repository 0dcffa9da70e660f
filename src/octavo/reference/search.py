"""Greedy and beam search, as docs/numerics.md ("Search") defines them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from octavo.model.config import ModelConfig
from octavo.model.search import SearchOptions
from octavo.reference.model import DecodingState, Transformer
from octavo.reference.terms import NOTHING, Reading, Term, Terms


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


def repeats(tokens: tuple[int, ...], size: int) -> set[int]:
    """The tokens that would make ``size`` tokens at the end of ``tokens`` those of an earlier place."""
    last = tokens[max(0, len(tokens) - size + 1) :]
    starts = range(len(tokens) - size + 1)
    return {tokens[i + size - 1] for i in starts if tokens[i : i + size - 1] == last}


@dataclasses.dataclass(slots=True)
class _Live:
    """A hypothesis still growing: its tokens, log-probability and row in the decoding state; where there are
    terms, what it contains, what it misses, and the log-probability up to each token."""

    tokens: tuple[int, ...]
    total: float
    row: int
    reading: Reading = NOTHING
    missing: int = 0
    totals: tuple[float, ...] = ()


class _Sentence:
    """The search of one sentence."""

    def __init__(self, index: int, options: SearchOptions, cap: int, prefix: Sequence[int]) -> None:
        self.index, self.options, self.cap, self.prefix = index, options, cap, prefix
        self.live = [_Live((), 0.0, row=index)]
        self.finished: list[Hypothesis] = []
        self.done = False

    def may_end(self, hypothesis: _Live) -> bool:
        """Whether EOS may follow."""
        return len(hypothesis.tokens) >= self.options.min_length

    def barred(self, hypothesis: _Live) -> set[int]:
        """Tokens that may not follow, but for EOS."""
        size = self.options.no_repeat_ngram
        return repeats(hypothesis.tokens, size) if size else set()

    def force(self) -> bool:
        """Go on with the next token of the prefix, at no cost. False: there is no next one."""
        origin = self.live[0]
        if len(origin.tokens) >= len(self.prefix):
            return False
        token = self.prefix[len(origin.tokens)]
        self.live = [self._continued(origin, token, origin.total)]
        return True

    def _continued(self, origin: _Live, token: int, total: float) -> _Live:
        return _Live((*origin.tokens, token), total, origin.row)

    def _finish(self, live: _Live, total: float, complete: bool) -> None:
        score = total / divisor(len(live.tokens) + complete, self.options.length_penalty)
        self.finished.append(Hypothesis(live.tokens, score, complete))

    def nothing_follows(self, is_finite: bool) -> None:
        """End the search where every token would repeat something.

        Raises ValueError where that is not why: the model's scores are not finite.
        """
        if not (is_finite and self.options.no_repeat_ngram and self.live[0].tokens):
            raise ValueError(f"sentence {self.index}: the model's scores are not finite")
        self._cut()

    def _cut(self) -> None:
        self.done = True
        for hypothesis in self.live:
            self._finish(hypothesis, hypothesis.total, complete=False)

    def advance(self, candidates: list[tuple[float, int, int]], eos_id: int) -> None:
        """Walk the best 2 * beam candidates (sum, live hypothesis, token), best first."""
        before, self.live = self.live, []
        beam = self.options.beam
        for rank, (total, parent, token) in enumerate(candidates):
            origin = before[parent]
            if token != eos_id:
                self.live.append(self._continued(origin, token, total))
            elif rank < beam:
                self._finish(origin, total, complete=True)
            if len(self.live) == beam:
                break
        if len(self.finished) >= beam or not self.live or self._no_better_can_come():
            self.done = True
        elif len(self.live[0].tokens) == self.cap:
            self._cut()

    def _no_better_can_come(self) -> bool:
        """Whether ``nbest`` finished ones score at least what a live one could at the longest length."""
        bound = max(h.total for h in self.live) / divisor(self.cap, self.options.length_penalty)
        return sum(h.score >= bound for h in self.finished) >= self.options.nbest

    def results(self) -> list[Hypothesis]:
        """Best first; Python's sort is stable, so ties stay in the order of finishing."""
        return sorted(self.finished, key=lambda h: -h.score)[: self.options.nbest]


class _SentenceWithTerms(_Sentence):
    """The search of one sentence whose translation must contain terms."""

    def __init__(
        self, index: int, options: SearchOptions, cap: int, prefix: Sequence[int], terms: Terms
    ) -> None:
        super().__init__(index, options, cap, prefix)
        self.terms = terms
        self.live[0].missing = terms.missing(self.live[0].reading)
        self.free_scores: list[float] = []

    def may_end(self, hypothesis: _Live) -> bool:
        return super().may_end(hypothesis) and hypothesis.missing == 0

    def barred(self, hypothesis: _Live) -> set[int]:
        following = self.terms.continuations if hypothesis.reading.word_ends else set()
        return super().barred(hypothesis) | following

    def wanted(self, hypothesis: _Live) -> list[int]:
        """Tokens that are offered whether they are among the best, or barred, or not."""
        return sorted(self.terms.wanted(hypothesis.reading))

    def _finish(self, live: _Live, total: float, complete: bool) -> None:
        super()._finish(live, total, complete)
        self.free_scores.append(self._free_score(live, total, complete, begun=0))

    def _free_score(self, live: _Live, total: float, complete: bool, begun: int) -> float:
        """The score without the tokens of terms and the last ``begun`` ones."""
        totals = (0.0, *live.totals)
        used = live.reading.used | {*range(len(live.tokens) - begun, len(live.tokens))}
        free = sum(totals[i + 1] - totals[i] for i in range(len(live.tokens)) if i not in used)
        free += total - totals[-1] if complete else 0.0
        return free / divisor(len(live.tokens) + complete, self.options.length_penalty)

    def advance(self, candidates: list[tuple[float, int, int]], eos_id: int) -> None:
        """Walk the candidates (sum, live hypothesis, token), in any order, bank by bank."""
        following = [self._following(*candidate, eos_id) for candidate in candidates]
        room = self.cap - (len(self.live[0].tokens) + 1) - 1
        following = [
            one for one in following if one[0].missing in range(room + 1) or not one[0].missing
        ] or following
        following.sort(key=lambda one: (one[0].missing, -one[0].total, one[1], one[2]))
        before, self.live = self.live, []
        banks = [list(bank) for _, bank in itertools.groupby(following, key=lambda one: one[0].missing)]
        for bank in banks:
            self._walk_bank(bank, before, eos_id, is_last=bank is banks[-1])
        enough = len(self.finished) >= self.options.beam and not self._unmet_may_win()
        if enough or not self.live or self._no_better_can_come():
            self.done = True
        elif len(self.live[0].tokens) == self.cap:
            self._cut()

    def _following(self, total: float, parent: int, token: int, eos_id: int) -> tuple[_Live, int, int]:
        """The hypothesis that a candidate makes, its parent and its token; of EOS, the sum alone counts."""
        origin = self.live[parent]
        if token == eos_id:
            return _Live(origin.tokens, total, origin.row), parent, token
        return self._continued(origin, token, total), parent, token

    def _continued(self, origin: _Live, token: int, total: float) -> _Live:
        tokens, totals = (*origin.tokens, token), (*origin.totals, total)
        reading = self.terms.read(tokens)
        return _Live(tokens, total, origin.row, reading, self.terms.missing(reading), totals)

    def _walk_bank(
        self, bank: list[tuple[_Live, int, int]], before: list[_Live], eos_id: int, *, is_last: bool
    ) -> None:
        """Of the candidates that miss equally much, best first, keep some: docs/numerics.md."""
        beam = self.options.beam
        width = max(1, beam // 2) if bank[0][0].missing else beam
        most = beam + max(16, 2 * beam)
        nearer, kept = list(self.live), 0
        for rank, (hypothesis, parent, token) in enumerate(bank):
            if kept == width:
                return
            if token == eos_id:
                if rank < beam:
                    self._finish(before[parent], hypothesis.total, complete=True)
                continue
            better = sum(other.total >= hypothesis.total for other in nearer)
            if better >= beam or len(self.live) + (not is_last) >= most:
                return
            self.live.append(hypothesis)
            kept += 1

    def _unmet_may_win(self) -> bool:
        ranked = sorted(zip(self.finished, self.free_scores, strict=True), key=lambda one: -one[0].score)
        worst = ranked[self.options.nbest - 1][1]
        return any(
            self._free_score(h, h.total, complete=False, begun=len(h.reading.waiting)) > worst
            for h in self.live
            if h.missing
        )


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
) -> _Sentence:
    cap = longest(config, options, source_tokens, terms.longest + len(prefix))
    if prefix and len(prefix) >= cap:
        raise ValueError(f"source {index}: a prefix of {len(prefix)} tokens leaves no room in {cap}")
    if terms.terms:
        return _SentenceWithTerms(index, options, cap, prefix, terms)
    return _Sentence(index, options, cap, prefix)


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
    logits: Tensor, active: list[_Sentence], config: ModelConfig, options: SearchOptions
) -> list[list[tuple[float, int, int]]]:
    """For each sentence its best 2 * beam continuations from logits [R, V], in the order of the walk; where
    it has terms, those of every hypothesis, and its wanted tokens."""
    scores = logits - logits.logsumexp(1, keepdim=True)
    allowed = logits.clone()
    allowed[:, list(config.suppressed_ids)] = -torch.inf
    width = len(logits) // len(active)
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
        if isinstance(sentence, _SentenceWithTerms):
            place = slice(i * width, i * width + len(sentence.live))
            everything = sums[i].view(width, -1), ids[i].view(width, -1), scores[place]
            found[i] = _candidates_with_terms(sentence, *(x.tolist() for x in everything))
    return found


def _candidates_with_terms(
    sentence: _SentenceWithTerms, sums: list[list[float]], ids: list[list[int]], scores: list[list[float]]
) -> list[tuple[float, int, int]]:
    found = []
    for j, hypothesis in enumerate(sentence.live):
        wanted = sentence.wanted(hypothesis)
        offered = zip(sums[j], ids[j], strict=True)
        found += [(total, j, t) for total, t in offered if total > -math.inf and t not in wanted]
        found += [(hypothesis.total + scores[j][t], j, t) for t in wanted]
    return found


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

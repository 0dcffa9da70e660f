"""The search of one sentence, free of any model, as docs/numerics.md ("Search") defines it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

from octavo.model.search import SearchOptions, Stop
from octavo.reference.terms import NOTHING, Reading, Terms

T = TypeVar("T")


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


def score(options: SearchOptions, total: float, length: int) -> float:
    """The score of a hypothesis of this length whose log-probability is ``total``."""
    return (total - options.word_penalty * length) / divisor(length, options.length_penalty)


def repeats(tokens: tuple[int, ...], size: int) -> set[int]:
    """The tokens that would make ``size`` tokens at the end of ``tokens`` those of an earlier place."""
    last = tokens[max(0, len(tokens) - size + 1) :]
    starts = range(len(tokens) - size + 1)
    return {tokens[i + size - 1] for i in starts if tokens[i : i + size - 1] == last}


@dataclasses.dataclass(slots=True)
class Live:
    """A hypothesis still growing: its tokens, log-probability and row in the decoding state; where there are
    terms, what it contains, what it misses, and the log-probability up to each token."""

    tokens: tuple[int, ...]
    total: float
    row: int
    reading: Reading = NOTHING
    missing: int = 0
    totals: tuple[float, ...] = ()


class SentenceSearch:
    """The search of one sentence."""

    def __init__(self, index: int, options: SearchOptions, cap: int, prefix: Sequence[int]) -> None:
        self.index, self.options, self.cap, self.prefix = index, options, cap, prefix
        self.live = [Live((), 0.0, row=index)]
        self.finished: list[Hypothesis] = []
        self.done = False

    def may_end(self, hypothesis: Live) -> bool:
        """Whether EOS may follow."""
        return len(hypothesis.tokens) >= self.options.min_length

    def penalized(self, hypothesis: Live) -> set[int]:
        """Tokens that it would repeat, where that is penalized."""
        return set(hypothesis.tokens) if self.options.repetition_penalty != 1.0 else set()

    def barred(self, hypothesis: Live) -> set[int]:
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

    def _continued(self, origin: Live, token: int, total: float) -> Live:
        return Live((*origin.tokens, token), total, origin.row)

    def _finish(self, live: Live, total: float, complete: bool) -> None:
        reached = score(self.options, total, len(live.tokens) + complete)
        self.finished.append(Hypothesis(live.tokens, reached, complete))

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
        places = self._places_left()
        for rank, (total, parent, token) in enumerate(self._walked(candidates)):
            origin = before[parent]
            if token != eos_id:
                self.live.append(self._continued(origin, token, total))
            elif rank < places:
                self._finish(origin, total, complete=True)
            if len(self.live) == places:
                break
        self._settle()

    def _places_left(self) -> int:
        """How many hypotheses may go on or end in this step."""
        if self.options.stop is not Stop.SHRINKING:
            return self.options.beam
        return max(1, self.options.beam - len(self.finished))  # with terms more than the beam may end

    def _walked(self, candidates: Sequence[T]) -> Sequence[T]:
        """Those that a walk looks at: where the beam shrinks, one for each place."""
        return candidates[: self._places_left()] if self.options.stop is Stop.SHRINKING else candidates

    def _settle(self) -> None:
        if self._enough_finished() or not self.live or self._no_better_can_come():
            self.done = True
        elif len(self.live[0].tokens) == self.cap:
            self._cut()

    def _enough_finished(self) -> bool:
        if len(self.finished) < self.options.beam:
            return False
        stop = Stop.FULL if self.options.beam == 1 else self.options.stop
        if stop is Stop.HEURISTIC and self.live:
            reached = max(score(self.options, h.total, len(h.tokens)) for h in self.live)
            return sum(h.score >= reached for h in self.finished) >= self.options.beam
        return stop is not Stop.EXHAUSTIVE

    def _no_better_can_come(self) -> bool:
        """Whether ``nbest`` finished ones score at least what a live one could at any length."""
        best = max(h.total for h in self.live)
        lengths = range(min(len(self.live[0].tokens) + 1, self.cap), self.cap + 1)
        bound = max(score(self.options, best, length) for length in lengths)
        return sum(h.score >= bound for h in self.finished) >= self.options.nbest

    def results(self) -> list[Hypothesis]:
        """Best first; Python's sort is stable, so ties stay in the order of finishing."""
        return sorted(self.finished, key=lambda h: -h.score)[: self.options.nbest]


class SentenceSearchWithTerms(SentenceSearch):
    """The search of one sentence whose translation must contain terms."""

    def __init__(
        self, index: int, options: SearchOptions, cap: int, prefix: Sequence[int], terms: Terms
    ) -> None:
        super().__init__(index, options, cap, prefix)
        self.terms = terms
        self.live[0].missing = terms.missing(self.live[0].reading)
        self.free_scores: list[float] = []

    def may_end(self, hypothesis: Live) -> bool:
        return super().may_end(hypothesis) and hypothesis.missing == 0

    def barred(self, hypothesis: Live) -> set[int]:
        following = self.terms.continuations if hypothesis.reading.word_ends else set()
        return super().barred(hypothesis) | following

    def wanted(self, hypothesis: Live) -> list[int]:
        """Tokens that are offered whether they are among the best, or barred, or not."""
        return sorted(self.terms.wanted(hypothesis.reading))

    def _finish(self, live: Live, total: float, complete: bool) -> None:
        super()._finish(live, total, complete)
        self.free_scores.append(self._free_score(live, total, complete, begun=0))

    def _free_score(self, live: Live, total: float, complete: bool, begun: int) -> float:
        """The score without the tokens of terms and the last ``begun`` ones."""
        totals = (0.0, *live.totals)
        used = live.reading.used | {*range(len(live.tokens) - begun, len(live.tokens))}
        free = sum(totals[i + 1] - totals[i] for i in range(len(live.tokens)) if i not in used)
        free += total - totals[-1] if complete else 0.0
        return score(self.options, free, len(live.tokens) + complete)

    def advance(self, candidates: list[tuple[float, int, int]], eos_id: int) -> None:
        """Walk the candidates (sum, live hypothesis, token), in any order, bank by bank."""
        following = [self._following(*candidate, eos_id) for candidate in candidates]
        room = self.cap - (len(self.live[0].tokens) + 1) - 1
        following = [
            one for one in following if one[0].missing in range(room + 1) or not one[0].missing
        ] or following
        following.sort(key=lambda one: (one[0].missing, -one[0].total, one[1], one[2]))
        before, self.live = self.live, []
        places = self._places_left()
        banks = [list(bank) for _, bank in itertools.groupby(following, key=lambda one: one[0].missing)]
        for bank in banks:
            self._walk_bank(bank, before, eos_id, places, is_last=bank is banks[-1])
        self._settle()

    def _enough_finished(self) -> bool:
        return super()._enough_finished() and not self._unmet_may_win()

    def _following(self, total: float, parent: int, token: int, eos_id: int) -> tuple[Live, int, int]:
        """The hypothesis that a candidate makes, its parent and its token; of EOS, the sum alone counts."""
        origin = self.live[parent]
        if token == eos_id:
            return Live(origin.tokens, total, origin.row), parent, token
        return self._continued(origin, token, total), parent, token

    def _continued(self, origin: Live, token: int, total: float) -> Live:
        tokens, totals = (*origin.tokens, token), (*origin.totals, total)
        reading = self.terms.read(tokens)
        return Live(tokens, total, origin.row, reading, self.terms.missing(reading), totals)

    def _walk_bank(
        self,
        bank: list[tuple[Live, int, int]],
        before: list[Live],
        eos_id: int,
        places: int,
        *,
        is_last: bool,
    ) -> None:
        """Of the candidates that miss equally much, best first, keep some: docs/numerics.md."""
        beam = self.options.beam
        width = max(1, beam // 2) if bank[0][0].missing else places
        most = beam + max(16, 2 * beam)
        nearer, kept = list(self.live), 0
        walked = bank if bank[0][0].missing else self._walked(bank)
        for rank, (hypothesis, parent, token) in enumerate(walked):
            if kept == width:
                return
            if token == eos_id:
                if rank < places:
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

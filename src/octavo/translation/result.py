"""What a translation is: the text, how sure the model is of it, and its runners-up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from octavo.engine import Hypothesis


@dataclasses.dataclass(frozen=True, slots=True)
class Alternative:
    """One of the n best translations of a text.

    ``score``: log-probability / length^length_penalty, length in target tokens with EOS;
    with the penalty 1 that is the mean log-probability of a token. ``tokens``: target ids, no EOS.
    ``complete``: False where the length limit cut it before its end.
    """

    text: str
    score: float
    tokens: tuple[int, ...]
    complete: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Translation:
    """The translation of one text.

    ``alternatives`` holds the n best, best first; the first is the translation itself. ``pieces``
    counts the parts a text was translated in: its sentences, or more where one was too long for the
    model (``too_long``); 0 for blank text. Their translations are joined with a space, rank by rank,
    and score the sum of log-probabilities over (sum of lengths)^length_penalty. ``target_tokens``
    counts what the model produced for the best translation, EOS of every piece included.
    """

    source: str
    alternatives: tuple[Alternative, ...]
    pieces: int
    too_long: bool
    target_tokens: int

    @property
    def text(self) -> str:
        """The best translation: one line, whatever the source held."""
        return self.alternatives[0].text

    @property
    def score(self) -> float:
        """The score of the best translation (see Alternative); 0 for blank text."""
        return self.alternatives[0].score

    @property
    def tokens(self) -> tuple[int, ...]:
        """Target ids of the best translation, without EOS."""
        return self.alternatives[0].tokens

    @property
    def complete(self) -> bool:
        """False where the length limit cut the best translation before its end."""
        return self.alternatives[0].complete

    def __str__(self) -> str:
        return self.text


def assemble(
    source: str,
    pieces: Sequence[Sequence[Hypothesis]],
    too_long: bool,
    decode: Callable[[Sequence[int]], str],
    penalty: float,
) -> Translation:
    """The translation of ``source`` from the n-best list of each of its pieces (none: blank text).

    ``decode`` turns target ids into a line of text; ``penalty`` is the search's length penalty.
    """
    if len(pieces) == 1:
        alternatives = tuple(_alternative(hypothesis, decode) for hypothesis in pieces[0])
    else:
        ranks = range(min(map(len, pieces), default=1))
        alternatives = tuple(_join([piece[rank] for piece in pieces], decode, penalty) for rank in ranks)
    target_tokens = sum(_length(piece[0]) for piece in pieces)
    return Translation(source, alternatives, len(pieces), too_long, target_tokens)


def _alternative(hypothesis: Hypothesis, decode: Callable[[Sequence[int]], str]) -> Alternative:
    tokens = tuple(hypothesis.tokens.tolist())
    return Alternative(decode(tokens), hypothesis.score, tokens, hypothesis.complete)


def _join(best: Sequence[Hypothesis], decode: Callable[[Sequence[int]], str], penalty: float) -> Alternative:
    parts = [_alternative(hypothesis, decode) for hypothesis in best]
    log_probability = sum(h.score * _length(h) ** penalty for h in best)
    length = sum(_length(h) for h in best)
    return Alternative(
        text=" ".join(part.text for part in parts if part.text),
        score=log_probability / length**penalty if length else 0.0,
        tokens=tuple(token for part in parts for token in part.tokens),
        complete=all(part.complete for part in parts),
    )


def _length(hypothesis: Hypothesis) -> int:
    """Tokens produced: with EOS, where the search reached it."""
    return len(hypothesis.tokens) + hypothesis.complete

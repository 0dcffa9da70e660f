"""What a translation is: the text, how sure the model is of it, its runners-up and what may be wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from octavo.engine import Hypothesis
from octavo.translation.warning import TranslationWarning, repeats


@dataclasses.dataclass(frozen=True, slots=True)
class Alternative:
    """One of the n best translations of a text.

    ``score`` is log-probability / length^length_penalty, with the length in target tokens, EOS included. With
    the penalty 1 that is the mean log-probability of a token. ``tokens`` are the target ids, without EOS.
    ``complete`` is False where the length limit cut the translation before its end.
    """

    text: str
    score: float
    tokens: tuple[int, ...]
    complete: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Translation:
    """The translation of one text.

    ``alternatives`` holds the n best translations, the best one first; the first is the translation itself.
    ``pieces`` counts the parts that the text was translated in: its sentences, or more of them where a
    sentence was too long for the model, which ``too_long`` tells. Blank text has 0 pieces. The translations
    of the pieces are joined with a space, rank by rank, and score the sum of their log-probabilities over
    (sum of their lengths)^length_penalty. ``target_tokens`` counts the tokens that the model produced for the
    best translation, the EOS of every piece included. ``warnings`` holds the reasons to look at the best
    translation, each of them once, in the order of TranslationWarning; most translations have none.
    """

    source: str
    alternatives: tuple[Alternative, ...]
    pieces: int
    too_long: bool
    target_tokens: int
    warnings: tuple[TranslationWarning, ...] = ()

    @property
    def text(self) -> str:
        """The best translation. It is one line, whatever the source held."""
        return self.alternatives[0].text

    @property
    def score(self) -> float:
        """The score of the best translation (see Alternative). Blank text scores 0."""
        return self.alternatives[0].score

    @property
    def tokens(self) -> tuple[int, ...]:
        """The target ids of the best translation, without EOS."""
        return self.alternatives[0].tokens

    @property
    def complete(self) -> bool:
        """Whether the best translation came to its end; False where the length limit cut it."""
        return self.alternatives[0].complete

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True, slots=True)
class TranslatedPiece:
    """A part of a text that was translated at once: its source ids without EOS, and its n-best list."""

    source: Sequence[int]
    hypotheses: Sequence[Hypothesis]


def assemble(
    source: str,
    pieces: Sequence[TranslatedPiece],
    *,
    too_long: bool,
    decode: Callable[[Sequence[int]], str],
    penalty: float,
    unknown_id: int,
) -> Translation:
    """The translation of ``source`` from its pieces (none: blank text).

    ``decode`` turns target ids into a line of text; ``penalty`` is the search's length penalty;
    ``unknown_id`` stands in a piece's source for what the vocabulary cannot read.
    """
    best, *others = _ranks(pieces, decode)
    alternatives = [_joined(parts, penalty) for parts in (best, *others)]
    target_tokens = sum(_length(part) for part in best)
    warnings = _warnings(source, pieces, best, unknown_id)
    return Translation(source, tuple(alternatives), len(pieces), too_long, target_tokens, warnings)


def _ranks(
    pieces: Sequence[TranslatedPiece], decode: Callable[[Sequence[int]], str]
) -> list[list[Alternative]]:
    """For each rank of the n best, the translations of all pieces."""
    ranks = range(min((len(piece.hypotheses) for piece in pieces), default=1))
    return [[_alternative(piece.hypotheses[rank], decode) for piece in pieces] for rank in ranks]


def _alternative(hypothesis: Hypothesis, decode: Callable[[Sequence[int]], str]) -> Alternative:
    tokens = tuple(hypothesis.tokens.tolist())
    return Alternative(decode(tokens), hypothesis.score, tokens, hypothesis.complete)


def _joined(parts: Sequence[Alternative], penalty: float) -> Alternative:
    if len(parts) == 1:
        return parts[0]
    log_probability = sum(part.score * _length(part) ** penalty for part in parts)
    length = sum(_length(part) for part in parts)
    return Alternative(
        text=" ".join(part.text for part in parts if part.text),
        score=log_probability / length**penalty if length else 0.0,
        tokens=tuple(token for part in parts for token in part.tokens),
        complete=all(part.complete for part in parts),
    )


def _warnings(
    source: str, pieces: Sequence[TranslatedPiece], best: Sequence[Alternative], unknown_id: int
) -> tuple[TranslationWarning, ...]:
    pairs = list(zip(pieces, best, strict=True))
    found = {
        TranslationWarning.EMPTY: any(not part.text for part in best)
        or (not pieces and bool(source.strip())),
        TranslationWarning.REPETITION: any(
            repeats(part.tokens) and not repeats(piece.source) for piece, part in pairs
        ),
        TranslationWarning.UNKNOWN_CHARACTERS: any(unknown_id in piece.source for piece in pieces),
    }
    return tuple(warning for warning, applies in found.items() if applies)


def _length(alternative: Alternative) -> int:
    """The number of tokens that the model produced, with EOS where the search reached it."""
    return len(alternative.tokens) + alternative.complete

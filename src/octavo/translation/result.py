"""What a translation is: the text, how sure the model is of it, its runners-up and what may be wrong."""

from __future__ import annotations

import dataclasses
import enum

from octavo.memory import FuzzyHit
from octavo.text.parts import Part
from octavo.translation.mark_placement import Link
from octavo.translation.warning import TranslationWarning


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


class SegmentOrigin(enum.StrEnum):
    """Where the translation of a segment is from. ``COPY``: it has nothing to translate, and stays."""

    MODEL = "model"
    MEMORY = "memory"
    COPY = "copy"


@dataclasses.dataclass(frozen=True, slots=True)
class TranslatedSegment:
    """A part of a text that was translated at once, or that stayed as it was.

    Characters ``source_start`` to before ``source_end`` of the source became those from ``start`` to before
    ``end`` of the best translation. ``similar`` is what the translation memory has for a source like it,
    where that was asked for. ``links`` says, where alignments were asked for, from which characters of the
    source each token of the translation was made; it counts in both whole texts.
    """

    source_start: int
    source_end: int
    start: int
    end: int
    origin: SegmentOrigin = SegmentOrigin.MODEL
    similar: FuzzyHit | None = None
    links: tuple[Link, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Translation:
    """The translation of one text.

    ``alternatives`` holds the n best translations, the best one first; the first is the translation itself.
    ``segments`` are what the text was translated in: its sentences, or parts of them where a sentence was too
    long for the model, which ``too_long`` tells. What lies between segments (line breaks, indentation,
    bullets) is in every alternative as it is in the source. Alternatives are joined rank by rank, and score
    the sum of their segments' log-probabilities over (sum of their lengths)^length_penalty.
    ``target_tokens`` counts the tokens that the model produced for the best translation, the EOS of every
    segment included. ``warnings`` holds the reasons to look at the best translation, each of them once, in
    the order of TranslationWarning; most translations have none.
    """

    source: str
    alternatives: tuple[Alternative, ...]
    segments: tuple[TranslatedSegment, ...]
    too_long: bool
    target_tokens: int
    warnings: tuple[TranslationWarning, ...] = ()

    @property
    def text(self) -> str:
        """The best translation."""
        return self.alternatives[0].text

    @property
    def score(self) -> float:
        """The score of the best translation (see Alternative). Text that stayed as it was scores 0."""
        return self.alternatives[0].score

    @property
    def tokens(self) -> tuple[int, ...]:
        """The target ids of the best translation, without EOS."""
        return self.alternatives[0].tokens

    @property
    def complete(self) -> bool:
        """Whether the best translation came to its end; False where the length limit cut it."""
        return self.alternatives[0].complete

    @property
    def pieces(self) -> int:
        """The number of segments that the model translated."""
        return sum(segment.origin is SegmentOrigin.MODEL for segment in self.segments)

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True, slots=True)
class TranslatedPassage:
    """A passage of a document: its parts in the target language, and the translation of its plain text."""

    parts: tuple[Part, ...]
    translation: Translation

"""Training text as a mixture: corpora drawn by weight, filtered, augmented and segmented on the fly.

Nothing is segmented before it is drawn, so a run over millions of lines starts at once and needs no cache.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence

import numpy as np

from octavo.training.augmentation import TextPair, augment
from octavo.training.corpus import Pair, ParallelText, Segmentations
from octavo.training.recipe import RecipeError, TranslationRecipe
from octavo.training.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, slots=True)
class Mixture:
    """Corpora, and how many pairs an epoch draws from each.

    A corpus is walked through in an order drawn anew for each pass, and an epoch goes on where the one before
    stopped: no pair comes twice before all have come once. All depends on (seed, epoch) alone.
    """

    texts: Sequence[ParallelText]
    counts: Sequence[int]

    @classmethod
    def of(cls, texts: Sequence[ParallelText], recipe: TranslationRecipe) -> Mixture:
        """By the recipe's weights; each corpus gives one pair an epoch at least."""
        weights = np.array([corpus.weight or 0.0 for corpus in recipe.data.train])
        shares = weights / weights.sum() * recipe.data.epoch_pairs
        return cls(texts, [max(1, round(float(share))) for share in shares])

    def epoch(self, seed: int, epoch: int) -> list[list[TextPair]]:
        """The pairs of each corpus in an epoch."""
        return [
            [(text.source[i], text.target[i]) for i in _walk(len(text.source), count, (seed, number, epoch))]
            for number, (text, count) in enumerate(zip(self.texts, self.counts, strict=True))
        ]


def _walk(size: int, count: int, key: tuple[int, int, int]) -> Iterator[int]:
    """The indices that an epoch takes of endless passes over ``size`` pairs; key: seed, corpus, epoch."""
    seed, corpus, epoch = key
    at, end = epoch * count, (epoch + 1) * count
    while at < end:
        passed, first = divmod(at, size)
        last = min(size, first + end - at)
        order = np.random.default_rng([seed, corpus, passed, 4]).permutation(size)
        yield from order[first:last].tolist()
        at += last - first


class MixedCorpus:
    """The examples of each epoch of a mixture, segmented."""

    def __init__(self, mixture: Mixture, vocabulary: Vocabulary, recipe: TranslationRecipe) -> None:
        self._mixture, self._vocabulary, self._recipe = mixture, vocabulary, recipe
        self.pairs = sum(len(text.source) for text in mixture.texts)

    def epoch(self, seed: int, epoch: int) -> list[Pair]:
        """The pairs of an epoch that have from 1 to data.max_tokens - 1 tokens on both sides.

        Raises RecipeError where none has.
        """
        draw = random.Random(f"{seed} {epoch}")  # noqa: S311 - no secret
        found: list[Pair] = []
        for texts in self._mixture.epoch(seed, epoch):
            for source, target in augment(texts, self._recipe.augmentation, draw):
                pair = self._segment(source, target, draw)
                lengths = len(pair.source) + 1, len(pair.target) + 1
                if min(lengths) > 1 and max(lengths) <= self._recipe.data.max_tokens:
                    found.append(pair)
        if not found:
            raise RecipeError(f"no training pair has from 1 to {self._recipe.data.max_tokens - 1} tokens")
        return found

    def _segment(self, source: str, target: str, draw: random.Random) -> Pair:
        options = self._recipe.sampling
        if options.nbest == 1:
            return Pair(self._vocabulary.source.encode(source), self._vocabulary.target.encode(target))
        sides = (
            Segmentations(*segmenter.segmentations(text, options.nbest), options.alpha).draw(draw.random())
            for segmenter, text in ((self._vocabulary.source, source), (self._vocabulary.target, target))
        )
        return Pair(*sides)

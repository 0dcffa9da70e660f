"""Translation: its data, and how its model is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from octavo.errors import counted
from octavo.model.search import SearchOptions
from octavo.reference.model import Transformer
from octavo.training.batches import PairEpoch, plan_epoch
from octavo.training.checkpoint import Validation
from octavo.training.corpus import EncodedCorpus, ParallelText, read_corpus
from octavo.training.filters import filter_texts
from octavo.training.mixture import MixedCorpus, Mixture
from octavo.training.models import FloatModel, model_config
from octavo.training.ranks import Ranks
from octavo.training.recipe import CorpusRecipe, RecipeError, TranslationRecipe
from octavo.training.validation import DevSet, Tick, dev_bleu, dev_loss
from octavo.training.vocabulary import Vocabulary, settle_vocabulary


class TranslationTask:
    """Raises RecipeError for data that cannot be used."""

    def __init__(
        self,
        recipe: TranslationRecipe,
        folder: Path,
        ranks: Ranks,
        begun: bool,
        tokenizers: tuple[Path, Path] | None,
        say: Callable[[str], None],
    ) -> None:
        """Read and segment all data; the vocabulary is trained into ``folder`` unless it lies there.

        With ``tokenizers``, source and target, it is taken from them. A run that has ``begun`` keeps its
        vocabulary.
        """
        texts = [read_corpus(corpus) for corpus in recipe.data.train]
        dev_texts = [read_corpus(corpus) for corpus in recipe.data.dev]
        self.digest = _digest(texts)
        mixture = None
        if recipe.data.epoch_pairs:
            say(f"filtering {sum(len(text.source) for text in texts)} pairs")
            texts = filter_texts(texts, recipe.data.filter, (recipe.source_language, recipe.target_language))
            _check_none_empty(texts, recipe)
            mixture = Mixture.of(texts, recipe)
        self.recipe = recipe
        self.vocabulary: Vocabulary = settle_vocabulary(
            folder, recipe.vocabulary, _vocabulary_text(texts, mixture, recipe), tokenizers, begun, ranks, say
        )
        self.config = model_config(recipe, self.vocabulary)
        self._devs = [
            DevSet.encode(_name(corpus), text, self.vocabulary, recipe.model.max_positions)
            for corpus, text in zip(recipe.data.dev, dev_texts, strict=True)
        ]
        repeated = [(text, corpus.repeat) for text, corpus in zip(texts, recipe.data.train, strict=True)]
        self._corpus: EncodedCorpus | MixedCorpus
        if mixture:
            self._corpus = MixedCorpus(mixture, self.vocabulary, recipe)
        else:
            self._corpus = EncodedCorpus(repeated, self.vocabulary, recipe.sampling, recipe.data.max_tokens)

    @property
    def summary(self) -> str:
        """The training data in words."""
        if isinstance(self._corpus, MixedCorpus):
            return f"{self._corpus.pairs} pairs after filtering, {self.recipe.data.epoch_pairs} an epoch"
        return (
            f"{counted(len(self._corpus.pairs), 'pair')} ({self._corpus.left_out} left out as "
            "empty or too long)"
        )

    @property
    def counts(self) -> dict[str, int]:
        """The size of the training data."""
        if isinstance(self._corpus, MixedCorpus):
            return {"pairs": self._corpus.pairs}
        return {"pairs": len(self._corpus.pairs)}

    @property
    def dev_names(self) -> list[str]:
        """The dev sets."""
        return [dev.name for dev in self._devs]

    def epoch(self, seed: int, epoch: int) -> tuple[PairEpoch, list[list[int]]]:
        """The pairs of an epoch and its micro-batches."""
        pairs = self._corpus.epoch(seed, epoch)
        plan = plan_epoch(pairs, self.recipe.training.batch_tokens, seed, epoch)
        return PairEpoch(pairs, self.config), plan

    def dev_loss(self, model: FloatModel, tick: Tick) -> float:
        """Nats per target token on the first dev set."""
        return self._loss(model, self._devs[0], tick)

    def validate(self, model: FloatModel, update: int, epoch: int, tick: Tick) -> Validation:
        """The first set's loss; every set's BLEU, where that is the metric."""
        changes = {"beam": self.recipe.validation.beam}
        options = SearchOptions(**self.recipe.search.model_dump() | changes)
        judged = self._devs if self.recipe.validation.metric == "bleu" else []
        transformer = cast(Transformer, model)
        bleu = [dev_bleu(transformer, dev, self.vocabulary, options, tick).score for dev in judged]
        return Validation(update, epoch, self.dev_loss(model, tick), bleu)

    def dev_figures(self, model: FloatModel, implementation: str, tick: Tick) -> list[dict[str, Any]]:
        """Loss and BLEU of each dev set, and how they were taken."""
        options = SearchOptions(**self.recipe.search.model_dump())
        return [
            {
                "set": dev.name,
                "sentences": len(dev.pairs),
                "loss": round(self._loss(model, dev, tick), 4),
                "bleu": round(score.score, 2),
                "bleu_signature": score.signature,
                "beam": options.beam,
                "implementation": implementation,
            }
            for dev in self._devs
            for score in [dev_bleu(cast(Transformer, model), dev, self.vocabulary, options, tick)]
        ]

    def _loss(self, model: FloatModel, dev: DevSet, tick: Tick) -> float:
        return dev_loss(cast(Transformer, model), dev, self.recipe.training.batch_tokens, tick)


def _name(corpus: CorpusRecipe) -> str:
    """A dev set is called by its folder and file: multi30k/val."""
    return f"{corpus.source.parent.name}/{corpus.source.stem}"


def _vocabulary_text(
    texts: Sequence[ParallelText], mixture: Mixture | None, recipe: TranslationRecipe
) -> tuple[list[str], list[str]]:
    """Source and target lines that the vocabulary is made from."""
    if not mixture or not recipe.vocabulary.sentences:
        source = [line for text in texts for line in text.source]
        return source, [line for text in texts for line in text.target]
    epochs = -(-recipe.vocabulary.sentences // recipe.data.epoch_pairs)
    pairs = [
        pair for epoch in range(epochs) for corpus in mixture.epoch(recipe.seed, epoch) for pair in corpus
    ]
    return [source for source, _ in pairs], [target for _, target in pairs]


def _check_none_empty(texts: Sequence[ParallelText], recipe: TranslationRecipe) -> None:
    for text, corpus in zip(texts, recipe.data.train, strict=True):
        if not text.source:
            raise RecipeError(f"{corpus.source}: data.filter leaves none of its pairs; change it")


def _digest(texts: Sequence[ParallelText]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        for line in (*text.source, *text.target):
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()

"""Everything a run reads: vocabulary, training pairs, dev sets."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from octavo.training.corpus import EncodedCorpus, ParallelText, read_corpus
from octavo.training.ranks import Ranks
from octavo.training.recipe import CorpusRecipe, Recipe
from octavo.training.validation import DevSet
from octavo.training.vocabulary import Vocabulary, make_vocabulary, take_vocabulary


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingData:
    """``digest`` is the SHA-256 of the training text."""

    vocabulary: Vocabulary
    corpus: EncodedCorpus
    devs: list[DevSet]
    digest: str


def prepare_data(
    recipe: Recipe, folder: Path, ranks: Ranks, begun: bool, tokenizers: tuple[Path, Path] | None = None
) -> TrainingData:
    """Read and segment all data; the vocabulary is trained into ``folder`` unless it lies there.

    With ``tokenizers``, source and target, it is taken from them. A run that has ``begun`` keeps its
    vocabulary. Raises RecipeError for data that cannot be used.
    """
    texts = [read_corpus(corpus) for corpus in recipe.data.train]
    dev_texts = [read_corpus(corpus) for corpus in recipe.data.dev]
    source = [line for text in texts for line in text.source]
    target = [line for text in texts for line in text.target]

    def settled() -> Vocabulary:
        if tokenizers:
            return take_vocabulary(folder, recipe.vocabulary, tokenizers, begun)
        return make_vocabulary(folder, recipe.vocabulary, source, target, begun)

    if ranks.first:  # makes it; the others load it
        settled()
    ranks.wait()
    vocabulary = settled()
    repeated = [(text, corpus.repeat) for text, corpus in zip(texts, recipe.data.train, strict=True)]
    devs = [
        DevSet.encode(_name(corpus), text, vocabulary, recipe.model.max_positions)
        for corpus, text in zip(recipe.data.dev, dev_texts, strict=True)
    ]
    corpus = EncodedCorpus(repeated, vocabulary, recipe.sampling, recipe.data.max_tokens)
    return TrainingData(vocabulary, corpus, devs, _digest(texts))


def _name(corpus: CorpusRecipe) -> str:
    """A dev set is called by its folder and file: multi30k/val."""
    return f"{corpus.source.parent.name}/{corpus.source.stem}"


def _digest(texts: Sequence[ParallelText]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        for line in (*text.source, *text.target):
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()

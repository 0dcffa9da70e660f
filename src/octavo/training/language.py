"""Language modelling: its data, and how its model is measured."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from octavo.errors import counted
from octavo.reference.language_model import LanguageModel
from octavo.reference.scoring import score_last
from octavo.text.stream import Perplexity, TokenStream, windows
from octavo.training.blocks import BlockEpoch, block_epoch
from octavo.training.checkpoint import Validation
from octavo.training.corpus import read_lines
from octavo.training.models import FloatModel, model_config
from octavo.training.ranks import Ranks
from octavo.training.recipe import LanguageRecipe, RecipeError, TextRecipe
from octavo.training.validation import Tick
from octavo.training.vocabulary import Vocabulary, settle_vocabulary


def read_text(recipe: TextRecipe) -> list[str]:
    """The lines of a text. Raises RecipeError: a missing or non-UTF-8 file, or no such lines."""
    lines = read_lines(recipe.text)
    if recipe.lines is None:
        return lines
    first, last = recipe.lines
    if last > len(lines):
        raise RecipeError(f"{recipe.text}: lines = [{first}, {last}], but it has {len(lines)}")
    return lines[first - 1 : last]


@dataclasses.dataclass(frozen=True, slots=True)
class DevText:
    """A dev text by its name."""

    name: str
    stream: TokenStream


class LanguageTask:
    """Raises RecipeError for data that cannot be used."""

    def __init__(
        self,
        recipe: LanguageRecipe,
        folder: Path,
        ranks: Ranks,
        begun: bool,
        tokenizers: tuple[Path, Path] | None,
        say: Callable[[str], None],
    ) -> None:
        """The vocabulary: as ``translation.TranslationTask`` takes it."""
        texts = [read_text(text) for text in recipe.data.train]
        dev_texts = [read_text(text) for text in recipe.data.dev]
        lines = [line for text in texts for line in text]
        self.recipe = recipe
        self.vocabulary: Vocabulary = settle_vocabulary(
            folder, recipe.vocabulary, (lines, []), tokenizers, begun, ranks, say
        )
        self.config = model_config(recipe, self.vocabulary)
        self.digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        repeats = [corpus.repeat for corpus in recipe.data.train]
        streams = [self._stream(text) for text in texts]
        parts = [stream.tokens for stream, times in zip(streams, repeats, strict=True) for _ in range(times)]
        start = np.array([self.config.decoder_start_id], np.int32)
        self._sequence = np.concatenate([start, *parts])
        self._words = sum(stream.words * times for stream, times in zip(streams, repeats, strict=True))
        self._devs = [
            DevText(_name(text), self._stream(found))
            for text, found in zip(recipe.data.dev, dev_texts, strict=True)
        ]

    @property
    def summary(self) -> str:
        """The training data in words."""
        return f"{counted(len(self._sequence) - 1, 'token')} of text, {counted(self._words, 'word')}"

    @property
    def counts(self) -> dict[str, int]:
        """The size of the training data."""
        return {"tokens": len(self._sequence) - 1, "words": self._words}

    @property
    def dev_names(self) -> list[str]:
        """The dev texts."""
        return [dev.name for dev in self._devs]

    def epoch(self, seed: int, epoch: int) -> tuple[BlockEpoch, list[list[int]]]:
        """The blocks of an epoch and its micro-batches."""
        options = self.recipe.training
        return block_epoch(
            self._sequence, self.config, options.block_tokens, options.batch_tokens, seed, epoch
        )

    def dev_loss(self, model: FloatModel, tick: Tick) -> float:
        """Nats per token on the first dev text."""
        return math.log(self._perplexity(model, self._devs[0], tick).per_token)

    def validate(self, model: FloatModel, update: int, epoch: int, tick: Tick) -> Validation:
        """The first text's loss; every text's perplexity per word."""
        found = [self._perplexity(model, dev, tick) for dev in self._devs]
        words = [one.per_word for one in found]
        return Validation(update, epoch, math.log(found[0].per_token), [], words)

    def dev_figures(self, model: FloatModel, implementation: str, tick: Tick) -> list[dict[str, Any]]:
        """Loss and perplexities of each dev text, and how they were taken."""
        context = self.recipe.training.block_tokens
        return [
            {
                "set": dev.name,
                "tokens": found.tokens,
                "words": found.words,
                "loss": round(math.log(found.per_token), 4),
                "perplexity_per_token": round(found.per_token, 2),
                "perplexity_per_word": round(found.per_word, 2),
                "bits_per_character": round(found.bits_per_character, 4),
                "context": context,
                "stride": _stride(context),
                "implementation": implementation,
            }
            for dev in self._devs
            for found in [self._perplexity(model, dev, tick)]
        ]

    def _stream(self, lines: Sequence[str]) -> TokenStream:
        return TokenStream.encode(lines, self.vocabulary.target, self.config.eos_id)

    def _perplexity(self, model: FloatModel, dev: DevText, tick: Tick) -> Perplexity:
        """With windows of a block's tokens, moved on by half a block."""
        options = self.recipe.training
        context, rows = options.block_tokens, options.batch_tokens // options.block_tokens
        sequence = [self.config.decoder_start_id, *dev.stream.tokens.tolist()]
        found = list(windows(len(dev.stream.tokens), context, _stride(context)))
        total = 0.0
        for first in range(0, len(found), rows):
            tick(first, len(found))
            batch = found[first : first + rows]
            spans = [sequence[window.first : window.last + 1] for window in batch]
            scores = score_last(cast(LanguageModel, model), spans, [window.scored for window in batch])
            total += math.fsum(score for row in scores for score in row)
        return dev.stream.perplexity(total)


def _stride(context: int) -> int:
    return max(1, context // 2)


def _name(text: TextRecipe) -> str:
    """A dev text is called by its folder and file, and its lines where it has not all of them."""
    lines = f":{text.lines[0]}-{text.lines[1]}" if text.lines else ""
    return f"{text.text.parent.name}/{text.text.stem}{lines}"

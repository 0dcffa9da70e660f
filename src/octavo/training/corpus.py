"""Parallel text: reading it, and turning it into token ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from octavo.errors import counted
from octavo.training.recipe import CorpusRecipe, RecipeError, SamplingRecipe
from octavo.training.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, slots=True)
class ParallelText:
    """Aligned lines."""

    source: list[str]
    target: list[str]


def read_corpus(recipe: CorpusRecipe) -> ParallelText:
    """Raises RecipeError: a missing, empty or non-UTF-8 file, or different numbers of lines."""
    source, target = read_lines(recipe.source), read_lines(recipe.target)
    if len(source) != len(target):
        raise RecipeError(
            f"{recipe.source} has {counted(len(source), 'line')}, {recipe.target} has {len(target)}; "
            "line i of each must belong together"
        )
    return ParallelText(source, target)


def read_lines(path: Path) -> list[str]:
    """Lines without their ends. Raises RecipeError: a missing, empty or non-UTF-8 file."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise RecipeError(f"{path}: cannot read the corpus: {reason}; check the recipe and --data") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8; convert the file first") from error
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if not any(line.strip() for line in lines):
        raise RecipeError(f"{path}: the corpus is empty")
    return lines


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Token ids of one sentence pair, without EOS."""

    source: Sequence[int]
    target: Sequence[int]


class Segmentations:
    """The ways to segment one line, best first, drawn in proportion to probability^alpha."""

    __slots__ = ("cumulative", "ids")

    def __init__(self, ids: list[list[int]], scores: list[float], alpha: float) -> None:
        self.ids = ids
        weights = np.exp(alpha * (np.array(scores) - max(scores)))
        self.cumulative = np.cumsum(weights / weights.sum())

    def draw(self, uniform: float) -> list[int]:
        """The segmentation that a uniform number from [0, 1) falls on."""
        chosen = int(np.searchsorted(self.cumulative, uniform, side="right"))
        return self.ids[min(chosen, len(self.ids) - 1)]


class EncodedCorpus:
    """Training pairs, every one with its candidate segmentations; too long ones are left out."""

    def __init__(
        self,
        texts: Sequence[tuple[ParallelText, int]],
        vocabulary: Vocabulary,
        sampling: SamplingRecipe,
        max_tokens: int,
    ) -> None:
        """``texts``: each with the number of times an epoch holds it."""
        self.pairs: list[tuple[Segmentations, Segmentations]] = []
        self.repeats: list[int] = []
        self.left_out = 0
        for text, repeat in texts:
            for source, target in zip(text.source, text.target, strict=True):
                both = (
                    Segmentations(*vocabulary.source.segmentations(source, sampling.nbest), sampling.alpha),
                    Segmentations(*vocabulary.target.segmentations(target, sampling.nbest), sampling.alpha),
                )
                lengths = [len(ids) + 1 for side in both for ids in side.ids]
                if min(lengths) < 2 or max(lengths) > max_tokens:
                    self.left_out += 1
                    continue
                self.pairs.append(both)
                self.repeats.append(repeat)
        if not self.pairs:
            raise RecipeError(f"no training pair has from 1 to {max_tokens - 1} tokens on both sides")

    def epoch(self, seed: int, epoch: int) -> list[Pair]:
        """The pairs of an epoch, segmented by draws that depend on seed and epoch alone."""
        random = np.random.default_rng([seed, epoch, 1])
        chosen = [i for i, repeat in enumerate(self.repeats) for _ in range(repeat)]
        uniform = random.random((len(chosen), 2))
        return [
            Pair(self.pairs[i][0].draw(u), self.pairs[i][1].draw(v))
            for i, (u, v) in zip(chosen, uniform, strict=True)
        ]

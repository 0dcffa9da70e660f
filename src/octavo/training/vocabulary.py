"""The subword vocabulary: making it, and segmenting with it. Text is cleaned as octavo.text does."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import sentencepiece

from octavo import durable
from octavo.errors import counted
from octavo.text import Tokenizer
from octavo.text.clean import one_line
from octavo.training.identity import check_identity, vocabulary_identity
from octavo.training.ranks import Ranks
from octavo.training.recipe import RecipeError, VocabularyRecipe

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3
RECORD = "vocabulary.json"
"""Beside the tokenizer files: what they were trained from, and their SHA-256."""


class Segmenter(Tokenizer):
    """A tokenizer that also gives the n best segmentations."""

    def segmentations(self, text: str, nbest: int) -> tuple[list[list[int]], list[float]]:
        """The ``nbest`` best segmentations and their log-probabilities."""
        if nbest == 1:
            return [self.encode(text)], [0.0]
        line = one_line(text)
        found: list[list[int]] = self._processor.nbest_encode(line, nbest_size=nbest, out_type=int)
        return found, [sum(map(self._processor.get_score, ids)) for ids in found]


@dataclasses.dataclass(frozen=True, slots=True)
class Vocabulary:
    """Source and target segmenters; the same one when the vocabulary is shared."""

    source: Segmenter
    target: Segmenter

    @property
    def shared(self) -> bool:
        """Whether one model serves both sides."""
        return self.source is self.target

    def files(self) -> dict[str, Path]:
        """The tokenizer files by side."""
        return {"source": self.source.path, "target": self.target.path}

    def digests(self) -> dict[str, str | None]:
        """The files' SHA-256 in hex, by name."""
        return _digests(self.files().values())


def settle_vocabulary(
    folder: Path,
    recipe: VocabularyRecipe,
    text: tuple[Sequence[str], Sequence[str]],
    tokenizers: tuple[Path, Path] | None,
    begun: bool,
    ranks: Ranks,
    say: Callable[[str], None],
) -> Vocabulary:
    """The run's vocabulary: that of ``tokenizers``, or made from ``text``, source and target lines.

    The first process makes it, and says so; the others load it. Raises RecipeError.
    """

    def settled() -> Vocabulary:
        if tokenizers:
            return take_vocabulary(folder, recipe, tokenizers, begun)
        return make_vocabulary(folder, recipe, *text, begun, say)

    if ranks.first:
        settled()
    ranks.wait()
    return settled()


def make_vocabulary(
    folder: Path,
    recipe: VocabularyRecipe,
    source: Sequence[str],
    target: Sequence[str],
    begun: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Vocabulary:
    """Train the vocabulary into ``folder``, or load the one trained there from the same recipe and text.

    Deterministic. Raises RecipeError when the text has too few distinct pieces for the size, or when a run
    that has ``begun`` has another vocabulary.
    """
    made_from = {"vocabulary": vocabulary_identity(recipe), "training text": _digest(source, target)}

    def train(lines: Sequence[str]) -> bytes:
        say(f"making a vocabulary of {recipe.size} pieces from {counted(len(lines), 'line')}")
        return _train(recipe, lines)

    if recipe.shared:
        makers = [lambda: train([*source, *target])]
    else:
        makers = [lambda: train(source), lambda: train(target)]
    return _settle(folder, makers, made_from, begun)


def take_vocabulary(
    folder: Path, recipe: VocabularyRecipe, tokenizers: tuple[Path, Path], begun: bool = False
) -> Vocabulary:
    """Copy a model's vocabulary, source and target, into ``folder``, or load the one copied there.

    Raises RecipeError where the recipe speaks of another, or a run that has ``begun`` has another.
    """
    paths = list(dict.fromkeys(tokenizers))
    if recipe.shared != (len(paths) == 1):
        raise RecipeError(
            f"vocabulary.shared = {str(recipe.shared).lower()}, but {paths[0].parent} has "
            f"{'one vocabulary' if len(paths) == 1 else 'two vocabularies'}; its vocabulary is taken"
        )
    for path in paths:
        if (size := Segmenter(path).size) != recipe.size:
            raise RecipeError(
                f"vocabulary.size = {recipe.size}, but {path} has {size} tokens; its vocabulary is taken"
            )
    return _settle(
        folder, [path.read_bytes for path in paths], {"--init model's vocabulary": _digests(paths)}, begun
    )


def _settle(
    folder: Path, makers: Sequence[Callable[[], bytes]], made_from: dict[str, Any], begun: bool
) -> Vocabulary:
    """The vocabulary in ``folder``, made there where it is missing, damaged or not ``made_from`` that."""
    names = ["tokenizer.spm"] if len(makers) == 1 else ["source.spm", "target.spm"]
    paths, record = [folder / name for name in names], folder / RECORD
    found = _read(record)
    if begun and not found:
        raise RecipeError(
            f"{record}: missing or damaged; put it back, or name another --output to begin anew"
        )
    if begun:
        check_identity(found, made_from | _digests(paths))
    elif found != made_from | _digests(paths):
        for path, make in zip(paths, makers, strict=True):
            durable.write_file(path, make())
        durable.write_file(record, json.dumps(made_from | _digests(paths), indent=1).encode() + b"\n")
    segmenters = [Segmenter(path) for path in paths]
    return Vocabulary(segmenters[0], segmenters[-1])


def _read(record: Path) -> dict[str, Any]:
    """The record; empty where there is none to read."""
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digests(paths: Iterable[Path]) -> dict[str, str | None]:
    """SHA-256 of each file by its name; None for one that is missing."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None for path in paths
    }


def _digest(source: Sequence[str], target: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for side in (source, target):
        digest.update(b"%d\n" % len(side))
        for line in side:
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _train(recipe: VocabularyRecipe, lines: Sequence[str]) -> bytes:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=map(one_line, lines),
            model_writer=model,
            vocab_size=recipe.size,
            model_type="unigram",
            normalization_rule_name=recipe.normalization,
            character_coverage=recipe.character_coverage,
            byte_fallback=recipe.byte_fallback,
            split_digits=recipe.split_digits,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RecipeError(f"vocabulary.size = {recipe.size}: sentencepiece refused: {reason}") from error
    return model.getvalue()

"""The subword vocabulary: training it, and segmenting with it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from octavo import durable
from octavo.training.recipe import RecipeError, VocabularyRecipe

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3


class Segmenter:
    """A sentencepiece model as the trainer needs it: best and n-best segmentations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._processor = sentencepiece.SentencePieceProcessor(model_file=str(path))

    @property
    def size(self) -> int:
        """Number of tokens."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> list[int]:
        """Token ids of the best segmentation, without EOS."""
        ids: list[int] = self._processor.encode(text, out_type=int)
        return ids

    def segmentations(self, text: str, nbest: int) -> tuple[list[list[int]], list[float]]:
        """The ``nbest`` best segmentations and their log-probabilities."""
        if nbest == 1:
            return [self.encode(text)], [0.0]
        found: list[list[int]] = self._processor.nbest_encode(text, nbest_size=nbest, out_type=int)
        return found, [sum(map(self._processor.get_score, ids)) for ids in found]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids."""
        text: str = self._processor.decode(list(ids))
        return text


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


def make_vocabulary(
    folder: Path, recipe: VocabularyRecipe, source: Sequence[str], target: Sequence[str]
) -> Vocabulary:
    """Train the vocabulary into ``folder``, or load it if it is there. Deterministic.

    Raises RecipeError when the text has too few distinct pieces for the size.
    """
    if recipe.shared:
        shared = _segmenter(folder / "tokenizer.spm", recipe, [*source, *target])
        return Vocabulary(shared, shared)
    return Vocabulary(
        _segmenter(folder / "source.spm", recipe, source), _segmenter(folder / "target.spm", recipe, target)
    )


def _segmenter(path: Path, recipe: VocabularyRecipe, lines: Iterable[str]) -> Segmenter:
    if not path.exists():
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                vocab_size=recipe.size,
                model_type="unigram",
                normalization_rule_name=recipe.normalization,
                character_coverage=recipe.character_coverage,
                byte_fallback=recipe.byte_fallback,
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
        durable.write_file(path, model.getvalue())
    return Segmenter(path)

"""A model directory opened for reading: nothing in it is used before it has been checked."""

from __future__ import annotations

import copy
import functools
import os
import reprlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from octavo.artifact.description import (
    CONFIG_FILE,
    Description,
    fingerprint,
    read_description,
    stored_tensors,
)
from octavo.artifact.integer_values import integer_problem
from octavo.artifact.json_file import read_json_object
from octavo.artifact.shortlist import Shortlist, read_shortlist
from octavo.artifact.tensors_file import Array, TensorsFile
from octavo.errors import ForeignModelError, ModelError
from octavo.languages import Direction, LanguageError, Languages, label_serving
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.integer_format import IntegerScales
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.model.tensor_table import DType, TensorSpec
from octavo.text.added_tokens import AddedTokens
from octavo.text.language_tags import shortest_tag
from octavo.text.segmenter import Segmenter
from octavo.text.tokenizer import MAX_FILE_BYTES, Tokenizer

QUALITY_FILE: Final = "quality.json"


class ModelDirectory:
    """A checked model. Tensors are read from disk each time they are asked for.

    ``plan`` says how the model runs in int8; it is None for a floating-point model and for one of scheme
    ``integer``, which alone has ``integer_scales``. ``tokenizer_paths`` is (source, target), the same path
    twice where both sides share one vocabulary. ``shortlist_path`` is None for a model without a shortlist,
    ``alignment`` for one of which no heads are known that align, ``languages`` for one between two languages.
    ``added`` are the tokens that a text is split at.
    ``quality`` holds the measured figures of quality.json; it is empty where there is no such file.
    """

    def __init__(self, path: Path, description: Description, quality: dict[str, Any]) -> None:
        self.path = path
        self.name: str = description.name
        self.source_language: str = description.source_language
        self.target_language: str = description.target_language
        self.config: ModelConfig = description.config
        self.scheme: Scheme = description.scheme
        self.plan: QuantizationPlan | None = description.plan
        self.integer_scales: IntegerScales | None = description.integer_scales
        self.search: SearchDefaults = description.search
        self.alignment: AlignmentHeads | None = description.alignment
        self.languages: Languages | None = description.languages
        self.added: AddedTokens = description.added
        self.quality: dict[str, Any] = quality
        self.tokenizer_paths: tuple[Path, Path] = (
            path / description.source_tokenizer.file,
            path / description.target_tokenizer.file,
        )
        self.shortlist_path: Path | None = (
            path / description.shortlist.file if description.shortlist else None
        )
        self._between: tuple[str | None, str | None] = None, None
        self._specs = stored_tensors(self.config, self.scheme, self.plan)
        self._file = TensorsFile(path / description.tensors.file, self._specs)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> ModelDirectory:
        """Check everything against the spec. Raises ModelError, naming the file, the fault and the remedy."""
        if not isinstance(path, str | os.PathLike):
            raise ModelError(
                f"{reprlib.repr(path)} ({type(path).__name__}): a model is named by the path of its directory"
            )
        path = Path(path)
        check_directory(path)
        description = read_description(path)
        quality_path = path / QUALITY_FILE
        quality = read_json_object(quality_path) if quality_path.exists() else {}
        for entry in description.files:
            is_tokenizer = entry in (description.source_tokenizer, description.target_tokenizer)
            entry.check_size(path, MAX_FILE_BYTES if is_tokenizer else None)
        model = cls(path, description, quality)
        model._file.check_header()  # before hours go into the checksum of a file that cannot be a model
        for entry in description.files:
            entry.check_content(path)
        integer = model.scheme is Scheme.INTEGER
        model._file.check_values(functools.partial(integer_problem, model.config) if integer else None)
        model.shortlist()
        return model

    def fingerprint(self) -> str:
        """The model's name and a digest of its description, which has the checksums of its files: what
        changes a translation changes it. Raises ModelError."""
        return f"{self.name} {fingerprint(self.path)}"

    def check_translates(self, what: str) -> None:
        """Raise ModelError for a language model, which ``what`` (say "`octavo export`") cannot use."""
        if self.config.is_language_model:
            raise ModelError(
                f"{self.path}: is a language model, and {what} needs a translation model; "
                "use `octavo perplexity` to measure it, `octavo generate` to continue text"
            )

    def check_continues(self, what: str) -> None:
        """Raise ModelError for a translation model, of which ``what`` (say "`octavo generate`") is not."""
        if not self.config.is_language_model:
            raise ModelError(
                f"{self.path}: is a translation model, and {what} is of language models; "
                "use `octavo translate` to translate, `octavo evaluate` to measure it"
            )

    def direction(self, source: str | None = None, target: str | None = None) -> Direction:
        """What tells the model to translate from ``source`` to ``target``: tags, or the model's codes; None:
        its default, or the only one that it has. Raises LanguageError, naming the model, for a language that
        it does not have, and for one that has to be stated and is not."""
        labels = shortest_tag(self.source_language), shortest_tag(self.target_language)
        source, target = source or self._between[0], target or self._between[1]
        try:
            if self.languages is not None:
                return self.languages.direction(source, target, labels)
            return Direction(label_serving(labels[0], source), label_serving(labels[1], target))
        except LanguageError as error:
            raise type(error)(f"{self.path}: {error}") from error

    def between(self, source: str | None, target: str | None) -> ModelDirectory:
        """The same model with these languages where ``direction`` is told none. Raises LanguageError."""
        chosen = copy.copy(self)
        chosen._between = source, target
        chosen.direction()
        return chosen

    def tensor_specs(self) -> list[TensorSpec]:
        """Name, shape and admitted types of all tensors, sorted by name."""
        return list(self._specs)

    def tensor_names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return [spec.name for spec in self._specs]

    def tensor(self, name: str) -> Array:
        """One tensor: float32 (F16 on disk is widened) or integers. Raises KeyError for an unknown name."""
        return next(self._file.read([name]))[1]

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Name and array of every tensor, sorted by name, one in memory at a time."""
        return self._file.read(self.tensor_names())

    def tensor_reader(self) -> AbstractContextManager[Callable[[str], Array]]:
        """A context that opens the file once; in it, a function like ``tensor`` for reading many by name."""
        return self._file.reader()

    def stored_types(self) -> dict[str, DType]:
        """Name and type on disk of every tensor: F16 where ``tensor`` widens."""
        return self._file.types()

    def shortlist(self) -> Shortlist | None:
        """Which target tokens may translate a source, None where the model has no such lists."""
        return read_shortlist(self.shortlist_path, self.config) if self.shortlist_path else None

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Source and target tokenizer (one object where they share a file), their sizes checked.

        Raises ModelError where a vocabulary is not this model's.
        """
        source_path, target_path = self.tokenizer_paths
        source = Tokenizer(source_path, self.config.source_vocab_size, self.added)
        if target_path == source_path and self.config.target_vocab_size == source.size:
            return source, source
        return source, Tokenizer(target_path, self.config.target_vocab_size, self.added)

    def segmenter(
        self,
        direction: Direction | None = None,
        *,
        tokenizer: Tokenizer | None = None,
        sentence_by_sentence: bool = True,
    ) -> Segmenter:
        """What cuts a text into segments that the model can read. ``direction``: None is the model's default.
        ``tokenizer`` is the source's, where it has been read already."""
        direction = direction or self.direction()
        return Segmenter(
            tokenizer or self.tokenizers()[0],
            language=direction.source,
            longest=self.config.max_positions - self.config.source_eos,
            prefix=direction.source_prefix,
            suffix=direction.source_suffix,
            sentence_by_sentence=sentence_by_sentence,
        )


WHAT_A_MODEL_IS: Final = (
    f"a model is a directory with {CONFIG_FILE}, the tensors and the vocabulary, as `octavo train`, "
    "`octavo convert` and `octavo quantize` write it"
)


def check_directory(path: Path) -> None:
    """Raise ModelError, saying what a model is, unless the path is a directory with a config.json."""
    try:
        if path.is_dir():
            if not (path / CONFIG_FILE).exists():
                raise ForeignModelError(
                    f"{path}: has no {CONFIG_FILE}, so it is no whole model; {WHAT_A_MODEL_IS}", path
                )
        elif path.exists():
            raise ForeignModelError(f"{path}: is a file; {WHAT_A_MODEL_IS}", path)
        elif (previous := previous_path(path)).is_dir():
            raise ModelError(f"{path}: missing; an interrupted replacement left the old model in {previous}")
        else:
            raise ModelError(f"{path}: no such model directory; {WHAT_A_MODEL_IS}")
    except OSError as error:
        raise ModelError(f"{path}: cannot open: {error.strerror or error}") from error


def previous_path(path: Path) -> Path:
    """Where the model that ``path`` held waits while a new one takes its place."""
    return path.parent / f".{path.name}.previous"

"""A Hugging Face model directory in, a model directory out."""

from __future__ import annotations

import dataclasses
import functools
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from octavo import durable
from octavo.artifact import write_model
from octavo.artifact.positions import position_table
from octavo.conversion.architecture import (
    DECODER_EMBEDDING,
    ENCODER_EMBEDDING,
    LAYER_NORM_EPSILON,
    OUTPUT_BIAS,
    OUTPUT_WEIGHT,
    SHARED_EMBEDDING,
    their_name,
)
from octavo.conversion.configuration import CONFIG_FILE, Configuration
from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object_if_there
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_sources import Array, TensorSource, open_weights
from octavo.conversion.vocabulary import Vocabulary
from octavo.spec import ModelConfig, Positions, Scheme, SpecError
from octavo.tensor_table import tensors

TOKENIZER_FILE: Final = "tokenizer_config.json"
SOURCE_PIECES: Final = "source.spm"
TARGET_PIECES: Final = "target.spm"
VOCABULARY_FILE: Final = "vocab.json"
TARGET_VOCABULARY_FILE: Final = "target_vocab.json"

UNDETERMINED: Final = "und"

_OPUS_NAME: Final = re.compile(r"opus-mt-(?:tc-(?:big|base|bible-big)-)?([a-zA-Z_]+)-([a-zA-Z_]+)$")
_CACHED: Final = re.compile(r"models--(?:.+--)?(.+)")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)

# Stored positions that are the sinusoidal table but for rounding; sin and cos differ in the last digit.
_SAME_POSITION: Final = {"float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}


@dataclasses.dataclass(frozen=True, slots=True)
class ConvertedModel:
    """What was converted. ``notes``: what the directory asks for that Octavo does not do."""

    config: ModelConfig
    source_language: str
    target_language: str
    notes: tuple[str, ...]


def convert(
    directory: str | Path,
    output: str | Path,
    *,
    name: str | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    overwrite: bool = False,
) -> ConvertedModel:
    """Convert a ``MarianMTModel`` directory, or what ``octavo export`` wrote, to a float model directory.

    Name and languages are taken from the directory where they are not given. Raises ConversionError where
    the directory cannot be converted, ModelError and OutputError as ``write_model``; nothing is written then.
    """
    if str(directory).startswith(("http:", "https:")):
        raise ConversionError(
            "an address is no model directory; fetch the model first, then name its directory"
        )
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise ConversionError(f"{directory}: is a file; name the model's directory, which holds config.json")
    if not directory.is_dir():
        raise ConversionError(f"{directory}: no such directory{_how_to_fetch(directory)}")
    _check_is_model(directory)
    described = Configuration.read(directory)
    languages = _languages(directory)
    source, target = _vocabularies(directory, described)
    unknown = target.ids[target.unknown]
    config, arrays = _Weights(open_weights(directory), described, unknown).model()
    with tempfile.TemporaryDirectory() as scratch:
        files = _tokenizer_files(directory, Path(scratch), source, target)
        write_model(
            output,
            config=config,
            scheme=Scheme.NONE,
            search=described.search,
            tensors=arrays,
            tokenizer_files=files,
            name=name or _name(directory),
            source_language=source_language or languages[0],
            target_language=target_language or languages[1],
            quality={},
            overwrite=overwrite,
        )
    return ConvertedModel(
        config, source_language or languages[0], target_language or languages[1], described.notes
    )


def _name(directory: Path) -> str:
    """The model's own name: that of its directory, or, in a cache of downloads, what the cache calls it."""
    directory = directory.resolve()
    cached = _CACHED.fullmatch(directory.parent.parent.name)
    return cached[1] if cached and directory.parent.name == "snapshots" else directory.name


def _check_is_model(directory: Path) -> None:
    """Refuse the root of a cached download, and say where in it the model is."""
    snapshots = directory / "snapshots"
    if not (directory / CONFIG_FILE).exists() and snapshots.is_dir():
        inside = sorted(path for path in snapshots.iterdir() if path.is_dir())
        where = f": {inside[-1]}" if inside else ""
        raise ConversionError(
            f"{directory}: is a cache of downloads; the model is one of the folders in {snapshots}{where}"
        )


def _how_to_fetch(directory: Path) -> str:
    """What to do where the name of a model at Hugging Face stands for its files; nothing for other paths."""
    if directory.is_absolute() or len(directory.parts) != 2 or ".." in directory.parts:
        return ""
    name = directory.name
    return (
        f"; if it is the name of a model at Hugging Face, download it first (`hf download {directory} "
        f"--local-dir {name}`, of the package huggingface_hub) and convert {name}"
    )


class _Lazy(Mapping[str, Array]):
    """The model's tensors, each made when it is asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Array]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Array:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class _Weights:
    """From another program's tensors to the model's: which are shared, which are there at all."""

    def __init__(self, source: TensorSource, described: Configuration, unknown: int) -> None:
        self.source = source
        self.described = described
        self.unknown = unknown
        self.used: set[str] = set()

    def model(self) -> tuple[ModelConfig, Mapping[str, Array]]:
        """The configuration and all its tensors. Raises ConversionError."""
        embeddings = self._embeddings()
        config = self._config(shared="decoder.embedding.weight" not in embeddings)
        bias_shape = (1, config.target_vocab_size)
        bias = self.source.read(OUTPUT_BIAS) if self._has(OUTPUT_BIAS, bias_shape) else None
        has_bias = bias is not None and bool(bias.any())
        positions = self._positions(config)
        config = dataclasses.replace(
            config,
            output_bias=has_bias,
            positions=Positions.LEARNED if positions else Positions.HALVES,
        )
        found: dict[str, Callable[[], Array]] = {}
        for spec in tensors(config, Scheme.NONE):
            theirs = embeddings.get(spec.name) or their_name(spec.name)
            if spec.name in positions:
                found[spec.name] = functools.partial(positions.__getitem__, spec.name)
            elif spec.name == "output.bias" and bias is not None:
                found[spec.name] = functools.partial(bias.__getitem__, 0)
            elif self._has(theirs, spec.shape):
                found[spec.name] = functools.partial(self.source.read, theirs)
            else:
                raise ConversionError(
                    f"{self.source.path}: tensor {theirs} is missing; config.json implies it"
                )
        self._refuse_others()
        return config, _Lazy(found)

    def _config(self, *, shared: bool) -> ModelConfig:
        described = self.described
        same = {
            field.name: getattr(described, field.name)
            for field in dataclasses.fields(ModelConfig)
            if hasattr(described, field.name)
        }
        same |= {
            "shared_embeddings": shared,
            "norm": described.architecture.norm,
            "unk_id": self.unknown,
            "layer_norm_epsilon": LAYER_NORM_EPSILON,
        }
        try:
            return ModelConfig(**same)
        except SpecError as error:
            raise ConversionError(f"{self.source.path.parent / CONFIG_FILE}: {error}") from error

    def _embeddings(self) -> dict[str, str]:
        """Their name of each embedding, one where they are shared, and of the output where it is not tied."""
        described, width = self.described, self.described.d_model
        sources, targets = (described.source_vocab_size, width), (described.target_vocab_size, width)
        encoder = [ENCODER_EMBEDDING] if self._has(ENCODER_EMBEDDING, sources) else []
        decoder = [DECODER_EMBEDDING] if self._has(DECODER_EMBEDDING, targets) else []
        output = [OUTPUT_WEIGHT] if self._has(OUTPUT_WEIGHT, targets) else []
        shares = described.shared_embeddings and self._has(SHARED_EMBEDDING, sources)
        shared = [SHARED_EMBEDDING] if shares else []
        if described.tied_output:
            if described.shared_embeddings:
                one = self._one(SHARED_EMBEDDING, [*shared, *decoder, *encoder, *output])
                return {"encoder.embedding.weight": one}
            decoder = [self._one(DECODER_EMBEDDING, [*decoder, *output])]
        source = self._one(ENCODER_EMBEDDING, encoder or shared)
        target = self._one(DECODER_EMBEDDING, decoder or shared)
        found = {"encoder.embedding.weight": source}
        if not (described.shared_embeddings and self._same(source, target)):
            found["decoder.embedding.weight"] = target
        if not described.tied_output:
            found["output.weight"] = self._one(OUTPUT_WEIGHT, output)
        return found

    def _one(self, wanted: str, there: Sequence[str]) -> str:
        """The first of the names, which all stand for one tensor."""
        if not there:
            raise ConversionError(f"{self.source.path}: tensor {wanted} is missing")
        for other in there[1:]:
            if not self._same(there[0], other):
                raise ConversionError(
                    f"{self.source.path}: tensors {there[0]} and {other} differ, but config.json ties them"
                )
        return there[0]

    def _same(self, name: str, other: str) -> bool:
        return name == other or np.array_equal(self.source.read(name), self.source.read(other))

    def _positions(self, config: ModelConfig) -> dict[str, Array]:
        """Learned positions of both stacks; {} where they are the sinusoidal table."""
        table = position_table(config)
        found: dict[str, Array] = {}
        sinusoidal = True
        for name in ("encoder.positions.weight", "decoder.positions.weight"):
            theirs = their_name(name)
            stored = self.source.read(theirs) if self._has(theirs, table.shape) else None
            if stored is not None:
                same = np.abs(stored - table).max() <= _SAME_POSITION[_precision(stored)]
                sinusoidal = sinusoidal and bool(same)
            found[name] = table if stored is None else stored
        return {} if sinusoidal else found

    def _has(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether there is such a tensor. Raises ConversionError where its shape is another."""
        self.used.add(name)
        if name not in self.source.names():
            return False
        found = self.source.shape(name)
        if found != shape:
            raise ConversionError(
                f"{self.source.path}: tensor {name} has shape {list(found)}; config.json implies "
                f"{list(shape)}"
            )
        return True

    def _refuse_others(self) -> None:
        if others := sorted(set(self.source.names()) - self.used):
            raise ConversionError(
                f"{self.source.path}: tensor {others[0]} is unexpected ({len(others)} in all); "
                f"{self.described.architecture} has none such"
            )


def _precision(array: Array) -> str:
    """The type that the values had; bfloat16 is read as float32."""
    is_short = array.dtype == np.float32 and not (array.view(np.uint32) & 0xFFFF).any()
    return "bfloat16" if is_short else array.dtype.name


def _vocabularies(directory: Path, described: Configuration) -> tuple[Vocabulary, Vocabulary]:
    """Source's and target's, one object where they share it."""
    settings = read_object_if_there(directory / TOKENIZER_FILE)
    names = {
        "unknown": _token(settings, "unk_token", "<unk>"),
        "eos": _token(settings, "eos_token", "</s>"),
        "pad": _token(settings, "pad_token", "<pad>"),
    }
    source = Vocabulary.read(directory / VOCABULARY_FILE, described.source_vocab_size, **names)
    separate = settings.get("separate_vocabs", False)
    if separate is not True and described.target_vocab_size != described.source_vocab_size:
        raise ConversionError(
            f"{directory / TOKENIZER_FILE}: separate_vocabs is not set, but config.json has "
            f"{described.source_vocab_size} source and {described.target_vocab_size} target tokens"
        )
    target = source
    if separate is True:
        path = directory / TARGET_VOCABULARY_FILE
        target = Vocabulary.read(path, described.target_vocab_size, **names)
    for vocabulary in (source, target):
        if vocabulary.ids[vocabulary.eos] != described.eos_id:
            raise ConversionError(
                f"{vocabulary.path}: {vocabulary.eos} has the id {vocabulary.ids[vocabulary.eos]}, but "
                f"config.json's eos_token_id is {described.eos_id}"
            )
    return source, target


def _token(settings: dict[str, Any], key: str, default: str) -> str:
    """A special token's name; some files hold an object with its properties."""
    value = settings.get(key) or default
    name = value.get("content") if isinstance(value, dict) else value
    return name if isinstance(name, str) else default


def _tokenizer_files(
    directory: Path, scratch: Path, source: Vocabulary, target: Vocabulary
) -> tuple[Path, Path]:
    """The model's own sentencepiece files, written to ``scratch``; one twice where both would be alike."""
    origins = (directory / SOURCE_PIECES, directory / TARGET_PIECES)
    tables = [PieceTable.read(origin) for origin in origins]
    source_bytes = source.table(tables[0], origins[0], cuts=True).to_bytes()
    target_bytes = target.table(tables[1], origins[1], cuts=False).to_bytes()
    files = (scratch / SOURCE_PIECES, scratch / TARGET_PIECES)
    durable.write_file(files[0], source_bytes)
    if source_bytes == target_bytes:
        return files[0], files[0]
    durable.write_file(files[1], target_bytes)
    return files


def _languages(directory: Path) -> tuple[str, str]:
    """What tokenizer_config.json says, else the directory's name, else undetermined."""
    settings = read_object_if_there(directory / TOKENIZER_FILE)
    named = _OPUS_NAME.search(_name(directory))
    guesses = named.groups() if named else (None, None)
    found = []
    for key, guess in zip(("source_lang", "target_lang"), guesses, strict=True):
        tag = str(settings.get(key) or guess or UNDETERMINED).replace("_", "-")
        found.append(tag if _LANGUAGE.fullmatch(tag) else UNDETERMINED)
    return found[0], found[1]

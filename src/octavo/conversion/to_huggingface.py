"""A model directory in, a Hugging Face model directory out."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.artifact.positions import position_table
from octavo.artifact.tensors_file import save_tensors
from octavo.conversion.described import UNDETERMINED
from octavo.conversion.errors import ConversionError
from octavo.conversion.export_limits import ExportFormat, check_exportable
from octavo.conversion.exported_directory import exported_directory, widened
from octavo.conversion.huggingface.architecture import (
    ACTIVATION_NAMES,
    OUTPUT_BIAS,
    SHARED_EMBEDDING,
    Architecture,
    their_name,
)
from octavo.conversion.huggingface.directory import (
    CONFIG_FILE,
    GENERATION_FILE,
    SOURCE_PIECES,
    TARGET_PIECES,
    TARGET_VOCABULARY_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
)
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.start_token import PAD, StartToken
from octavo.conversion.tensor_source import Array
from octavo.conversion.tensor_sources.directory import SAFETENSORS
from octavo.model.architecture import architecture
from octavo.model.config import ModelConfig, NormPlacement, Positions
from octavo.model.search import Stop
from octavo.model.sublayers import TensorKind

DType = Literal["float32", "float16"]

LONGEST: Final = 512

_EARLY_STOPPING: Final = {
    Stop.FULL: True,
    Stop.HEURISTIC: False,
    Stop.EXHAUSTIVE: "never",
    Stop.SHRINKING: True,  # Transformers has no such rule
}


@dataclasses.dataclass(frozen=True, slots=True)
class ExportedModel:
    """What was written: the class of Transformers that it is."""

    architecture: Architecture


def export(
    path: str | Path, output: str | Path, *, dtype: DType = "float32", overwrite: bool = False
) -> ExportedModel:
    """Write the model at ``path`` as a Hugging Face directory at ``output``.

    Quantized weights are widened. ``overwrite``: an export that exists is replaced. Raises ModelError for a
    bad model, ConversionError, naming the key and the way out, for a model that no Hugging Face class has,
    OutputError where ``output`` cannot be written.
    """
    model = ModelDirectory.open(path)
    model.check_translates("`octavo export`")
    check_exportable(model, ExportFormat.HUGGINGFACE)
    exporter = _Exporter(model, dtype)
    with exported_directory(model.path, output, overwrite=overwrite) as directory:
        exporter.write(directory)
    return ExportedModel(exporter.architecture)


class _Exporter:
    """Writes one model, part by part."""

    def __init__(self, model: ModelDirectory, dtype: DType) -> None:
        self.model = model
        self.config = model.config
        self.architecture = Architecture.of(self.config.norm)
        self.dtype = dtype
        self.tables = [PieceTable.read(path) for path in model.tokenizer_paths]
        sizes = (self.config.source_vocab_size, self.config.target_vocab_size)
        self.names = [
            [piece.text for piece in table.pieces[:size]]
            for table, size in zip(self.tables, sizes, strict=True)
        ]
        self.separate = self.names[0] != self.names[1]
        with model.tensor_reader() as tensor:
            self.start = self._start(tensor)

    def _start(self, tensor: Callable[[str], Array]) -> StartToken:
        """The decoder's first token; MarianMTModel starts from the last, named PAD, whose weights are 0."""
        ours = self.config.decoder_start_id
        if self.architecture is Architecture.PEGASUS:
            return StartToken(ours, self.names[1][ours])
        name = "encoder" if self.config.shared_embeddings else "decoder"
        embedding = widened(tensor, f"{name}.embedding.weight")[ours]
        last = self.config.target_vocab_size - 1
        is_pad = all(ours < len(names) and names[ours] == PAD for names in self.names)
        in_place = ours == last or self.separate  # CTranslate2, which takes the last, has no separate ones
        if is_pad and in_place and not embedding.any():
            return StartToken(ours, PAD)
        return StartToken(max(self.config.source_vocab_size, last + 1), PAD, embedding)

    def write(self, directory: Path) -> None:
        """All files."""
        with self.model.tensor_reader() as tensor:
            arrays = self._tensors(tensor)
        save_tensors(arrays, directory / SAFETENSORS, metadata={"format": "pt"})
        files = {
            CONFIG_FILE: self._config(),
            GENERATION_FILE: self._generation(),
            TOKENIZER_FILE: self._tokenizer(),
            VOCABULARY_FILE: self.start.vocabulary(self.names[0]),
        }
        if self.separate:
            files[TARGET_VOCABULARY_FILE] = self.start.vocabulary(self.names[1])
        for name, content in files.items():
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (directory / name).write_text(text, encoding="utf-8")
        for name, origin in zip((SOURCE_PIECES, TARGET_PIECES), self.model.tokenizer_paths, strict=True):
            shutil.copyfile(origin, directory / name)
        shutil.copymode(directory / CONFIG_FILE, directory / SAFETENSORS)

    def _tensors(self, tensor: Callable[[str], Array]) -> dict[str, Array]:
        config, start = self.config, self.start
        found = {}
        for described in architecture(config).tensors:
            if described.kind is not TensorKind.POSITIONS:
                found[their_name(described.name)] = widened(tensor, described.name)
        for name in _rows_of_tokens(config):
            found[their_name(name)] = start.with_row(found[their_name(name)])
        if config.shared_embeddings:
            embedding = found.pop(their_name("encoder.embedding.weight"))
            found[SHARED_EMBEDDING] = embedding
            if not config.tied_output:  # then Transformers ties the embeddings neither
                found |= {
                    their_name(f"{side}.embedding.weight"): embedding for side in ("encoder", "decoder")
                }
        bias = found.get(OUTPUT_BIAS, np.zeros(config.target_vocab_size, np.float32))
        found[OUTPUT_BIAS] = start.with_bias(bias)[None]
        found |= self._positions(tensor)
        return {name: self._stored(name, array) for name, array in found.items()}

    def _stored(self, name: str, array: Array) -> Array:
        """The array as it is written. Raises ConversionError for a value that the type cannot hold."""
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(array, self.dtype)
        if not np.isfinite(stored).all():
            raise ConversionError(
                f"{self.model.path}: tensor {name} has a value that {self.dtype} cannot hold"
                f"{'; export it with --dtype float32' if self.dtype == 'float16' else ''}"
            )
        return stored

    def _positions(self, tensor: Callable[[str], Array]) -> dict[str, Array]:
        """Both position tables. Transformers takes them from the file, of whatever kind they are."""
        config, start = self.config, self.start
        found = {}
        for side in ("encoder", "decoder"):
            name = f"{side}.positions.weight"
            learned = config.positions is Positions.LEARNED
            table = widened(tensor, name) if learned else position_table(config)
            rows = table[config.position_offset :]
            found[their_name(name)] = start.in_positions(rows, config) if side == "decoder" else rows
        return found

    def _config(self) -> dict[str, Any]:
        config, start = self.config, self.start
        marian = {
            "share_encoder_decoder_embeddings": config.shared_embeddings,
            "decoder_vocab_size": start.size(config.target_vocab_size),
            "static_position_embeddings": True,
        }
        pre_norm = config.norm is NormPlacement.PRE
        return {
            "architectures": [str(self.architecture)],
            "model_type": self.architecture.model_type,
            "dtype": self.dtype,
            "is_encoder_decoder": True,
            "vocab_size": start.size(config.source_vocab_size),
            "d_model": config.d_model,
            "encoder_layers": config.encoder_layers,
            "decoder_layers": config.decoder_layers,
            "num_hidden_layers": config.encoder_layers,
            "encoder_attention_heads": config.attention_heads,
            "decoder_attention_heads": config.attention_heads,
            "encoder_ffn_dim": config.ffn_dim,
            "decoder_ffn_dim": config.ffn_dim,
            "max_position_embeddings": config.max_positions,
            "activation_function": ACTIVATION_NAMES[config.activation],
            "scale_embedding": config.scale_embeddings,
            "tie_word_embeddings": config.tied_output,
            "normalize_before": pre_norm,
            "add_final_layer_norm": pre_norm,
            "normalize_embedding": False,
            **self._special_ids(),
            **(marian if self.architecture is Architecture.MARIAN else {}),
        }

    def _special_ids(self) -> dict[str, Any]:
        eos = self.config.eos_id
        return {
            "pad_token_id": self.start.id,
            "decoder_start_token_id": self.start.id,
            "bos_token_id": None,
            "eos_token_id": eos,
            "forced_eos_token_id": eos,
        }

    def _generation(self) -> dict[str, Any]:
        search = self.model.search
        suppressed = sorted({*self.config.suppressed_ids, *self.start.added_ids()})
        return {
            **self._special_ids(),
            "max_length": min(LONGEST, self.config.max_positions),
            "num_beams": search.beam,
            "length_penalty": search.length_penalty,
            "early_stopping": _EARLY_STOPPING[search.stop],
            "no_repeat_ngram_size": search.no_repeat_ngram,
            "repetition_penalty": search.repetition_penalty,
            "bad_words_ids": [[token] for token in suppressed] or None,
        }

    def _tokenizer(self) -> dict[str, Any]:
        languages = self.model.source_language, self.model.target_language
        known: Mapping[str, str] = {
            key: tag
            for key, tag in zip(("source_lang", "target_lang"), languages, strict=True)
            if tag != UNDETERMINED
        }
        return {
            "tokenizer_class": "MarianTokenizer",
            "model_max_length": self.config.max_positions,
            "unk_token": self.names[1][self.config.unk_id],
            "eos_token": self.names[1][self.config.eos_id],
            "pad_token": self.start.name,
            "separate_vocabs": self.separate,
            "clean_up_tokenization_spaces": False,
            "added_tokens_decoder": {
                str(token): {"content": text, "special": False}
                for text, token in self.model.added.ids.items()
            },
            **known,
        }


def _rows_of_tokens(config: ModelConfig) -> list[str]:
    """The matrices with one row for each token."""
    names = ["encoder.embedding.weight"]
    names += [] if config.shared_embeddings else ["decoder.embedding.weight"]
    return names + ([] if config.tied_output else ["output.weight"])

"""A model directory in, a directory of Marian out: model.npz, vocab.spm and decoder.yml.

Source of the names: marian-dev 1.12, src/models/transformer.h and src/common/config_parser.cpp.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from octavo import interrupt
from octavo.artifact import ModelDirectory
from octavo.conversion.export_limits import ExportFormat, check_exportable, marian_sizes
from octavo.conversion.exported_directory import exported_directory, widened
from octavo.conversion.marian.files import DECODER, SETTINGS
from octavo.conversion.marian.settings import GELU_SINCE
from octavo.conversion.marian.tensors import OUTPUT_BIAS, OUTPUT_ROWS, SHARED, SOURCE, TARGET, their_name
from octavo.conversion.marian.vocabulary import NEWLINE
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.start_token import NEVER
from octavo.conversion.tensor_source import Array
from octavo.model.config import (
    Activation,
    Mixer,
    ModelConfig,
    NormPlacement,
    Positions,
)
from octavo.model.tensor_table import float_shapes, weight_shapes

MODEL_FILE: Final = "model.npz"

_ACTIVATIONS: Final = {Activation.RELU: "relu", Activation.SILU: "swish", Activation.GELU: "gelu"}
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def export_marian(path: str | Path, output: str | Path, *, overwrite: bool = False) -> None:
    """Write the model at ``path`` as a directory of Marian at ``output``.

    Weights are float32; quantized ones are widened. ``overwrite``: an export that exists is replaced. Raises
    ModelError for a bad model, ConversionError, naming the key and the way out, for what Marian's Transformer
    cannot be, OutputError where ``output`` cannot be written.
    """
    model = ModelDirectory.open(path)
    model.check_translates("`octavo export`")
    check_exportable(model, ExportFormat.MARIAN)
    config = model.config
    exported = exported_directory(model.path, output, overwrite=overwrite)
    with exported as directory, model.tensor_reader() as tensor:
        _write_npz(directory / MODEL_FILE, _tensors(model, tensor), settings_text(config))
        vocabularies = _write_vocabularies(model, directory)
        decoder = {
            "relative-paths": True,
            "models": [MODEL_FILE],
            "vocabs": vocabularies,
            "beam-size": model.search.beam,
            "normalize": model.search.length_penalty,
            "word-penalty": model.search.word_penalty,
            "max-length-factor": model.search.length_ratio,
        }
        (directory / DECODER).write_text(_yaml(decoder), encoding="utf-8")


def _tensors(model: ModelDirectory, tensor: Callable[[str], Array]) -> Iterator[tuple[str, Array]]:
    """Name and values of each tensor, without the token that the decoder starts from."""
    config = model.config
    sources = config.source_vocab_size - config.shared_embeddings
    targets = config.target_vocab_size - 1
    whole = {"output.weight": (OUTPUT_ROWS, targets)}
    if config.shared_embeddings:
        whole["encoder.embedding.weight"] = SHARED, sources
    else:
        whole |= {
            "encoder.embedding.weight": (SOURCE, sources),
            "decoder.embedding.weight": (TARGET, targets),
        }
    for name, _ in weight_shapes(config):
        if name in whole:
            theirs, rows = whole[name]
            yield theirs, widened(tensor, name)[:rows]
        else:
            yield their_name(name, config.norm), widened(tensor, name).T
    for name, _ in float_shapes(config):
        if name != "output.bias":
            yield their_name(name, config.norm), widened(tensor, name)[None]
    bias = widened(tensor, "output.bias")[:targets] if config.output_bias else np.zeros(targets, np.float32)
    yield OUTPUT_BIAS, _suppressed(bias, model)[None]


def _suppressed(bias: Array, model: ModelDirectory) -> Array:
    """The output's biases, so low where a token is never produced that it has no probability; those that
    Marian itself never produces keep theirs."""
    config = model.config
    pieces = PieceTable.read(model.tokenizer_paths[1]).pieces
    others = set(config.suppressed_ids) - {config.decoder_start_id, config.unk_id}
    found = bias.copy()
    found[[token for token in others if pieces[token].text != NEWLINE]] = NEVER
    return found


def _write_npz(path: Path, tensors: Iterator[tuple[str, Array]], settings: str) -> None:
    """Arrays as Marian reads them: not compressed, with 32-bit sizes, one in memory at a time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def write(name: str, array: Array) -> None:
            interrupt.check()
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), stream.getvalue())

        for name, array in tensors:
            write(name, array.astype("<f4", copy=False))
        write(SETTINGS, np.frombuffer(settings.encode() + b"\0", np.int8))


def settings_text(config: ModelConfig) -> str:
    """special:model.yml: all that Marian asks for, also of networks that this model is not."""
    return _yaml(_settings(config))


def _settings(config: ModelConfig) -> dict[str, Any]:
    is_pre = config.norm is NormPlacement.PRE
    is_ssru = config.decoder_mixer is Mixer.SSRU
    tied = config.tied_output
    return {
        "type": "transformer",
        "version": "v" + ".".join(map(str, GELU_SINCE)),
        "dim-emb": config.d_model,
        "dim-vocabs": [config.source_vocab_size - config.shared_embeddings, config.target_vocab_size - 1],
        "enc-depth": config.encoder_layers,
        "dec-depth": config.decoder_layers,
        "transformer-heads": config.attention_heads,
        "transformer-dim-ffn": config.ffn_dim,
        "transformer-ffn-depth": 2,
        "transformer-ffn-activation": _ACTIVATIONS[config.activation],
        "transformer-decoder-dim-ffn": 0,
        "transformer-decoder-ffn-depth": 0,
        "transformer-decoder-autoreg": "rnn" if is_ssru else "self-attention",
        "dec-cell": "ssru" if is_ssru else "gru",
        "dec-cell-base-depth": 2,
        "dec-cell-high-depth": 1,
        "transformer-preprocess": "n" if is_pre else "",
        "transformer-postprocess": "a" if is_pre else "an",
        "transformer-postprocess-top": "n" if is_pre else "",
        "transformer-postprocess-emb": "n" if config.embedding_norm else "d",
        "transformer-disable-position-embeddings": config.positions is Positions.NONE,
        "tied-embeddings": tied and not config.shared_embeddings,
        "tied-embeddings-src": config.shared_embeddings and not tied,
        "tied-embeddings-all": config.shared_embeddings and tied,
        **_NOT_USED,
    }


_NOT_USED: Final[dict[str, Any]] = {
    "bert-train-type-embeddings": True,
    "bert-type-vocab-size": 2,
    "dim-rnn": 1024,
    "enc-cell": "gru",
    "enc-cell-depth": 1,
    "enc-type": "bidirectional",
    "factors-combine": "sum",
    "factors-dim-emb": 0,
    "input-types": [],
    "layer-normalization": False,
    "lemma-dependency": "",
    "lemma-dim-emb": 0,
    "output-omit-bias": False,
    "right-left": False,
    "separator-symbol": "[eos]",
    "skip": False,
    "transformer-aan-activation": "swish",
    "transformer-aan-depth": 2,
    "transformer-aan-nogate": False,
    "transformer-alibi-shift": False,
    "transformer-alibi-trainable": False,
    "transformer-attention-mask": "default",
    "transformer-dim-aan": 2048,
    "transformer-guided-alignment-layer": "last",
    "transformer-no-affine": False,
    "transformer-no-bias": False,
    "transformer-no-projection": False,
    "transformer-pool": False,
    "transformer-rnn-projection": False,
    "transformer-tied-layers": [],
    "transformer-train-position-embeddings": False,
    "ulr": False,
    "ulr-dim-emb": 0,
    "ulr-trainable-transformation": False,
}


def _yaml(values: dict[str, Any]) -> str:
    """A flat mapping; JSON's scalars and lists are YAML too."""
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _write_vocabularies(model: ModelDirectory, directory: Path) -> list[str]:
    """The sentencepiece files without the token that the decoder starts from; their names."""
    config = model.config
    files = []
    for path, size in zip(model.tokenizer_paths, marian_sizes(config), strict=True):
        table = PieceTable.read(path)
        files.append(table.with_pieces(table.pieces[:size]).to_bytes())
    names = ["vocab.spm", "vocab.spm"] if files[0] == files[1] else ["source.spm", "target.spm"]
    for name, data in zip(names, files, strict=True):
        (directory / name).write_bytes(data)
    return names

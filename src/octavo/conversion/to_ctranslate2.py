"""A model directory in, a CTranslate2 model directory out.

Source of the format: CTranslate2 4.8, python/ctranslate2/specs (binary version 6, TransformerSpec 7).
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Literal

import numpy as np

from octavo import interrupt
from octavo.artifact import ModelDirectory
from octavo.artifact.positions import position_table
from octavo.conversion.export_limits import ExportFormat, check_exportable
from octavo.conversion.exported_directory import exported_directory, widened
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_source import Array
from octavo.model.config import Activation, ModelConfig, NormPlacement, Positions
from octavo.model.tensor_table import float_shapes, weight_shapes

CTranslate2Type = Literal["float32", "int8"]

_BINARY_VERSION: Final = 6
_SPECIFICATION: Final = "TransformerSpec"
_REVISION: Final = 7
_TYPES: Final = {"float32": 0, "int8": 1, "int16": 2}
_ACTIVATIONS: Final = {Activation.RELU: 0, Activation.SILU: 2, Activation.GELU: 3}
_LARGEST: Final = 127

_NEVER: Final = np.float32(-65504)
"""The bias of a token that is never generated: the lowest float16, should the model be loaded in that."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Variable:
    """A tensor of the file, made when it is written. ``shape`` () is a number."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    make: Callable[[], Array]


def export_ctranslate2(
    path: str | Path, output: str | Path, *, dtype: CTranslate2Type = "float32", overwrite: bool = False
) -> None:
    """Write the model at ``path`` as a CTranslate2 directory at ``output``.

    In int8 every weight matrix has a scale for each row, as CTranslate2's converter makes it; int8 weights
    are written as they are. Tokens that the model never produces get the bias -65504. The sentencepiece
    files lie beside the model. ``overwrite``: an export that exists is replaced. Raises ModelError for a bad
    model, ConversionError, naming the key and the way out, for one that is no ordinary Transformer,
    OutputError where ``output`` cannot be written.
    """
    model = ModelDirectory.open(path)
    model.check_translates("`octavo export`")
    check_exportable(model, ExportFormat.CTRANSLATE2)
    exported = exported_directory(model.path, output, overwrite=overwrite)
    with exported as directory, model.tensor_reader() as tensor:
        writer = _Writer(model, tensor, dtype)
        with (directory / "model.bin").open("wb") as stream:
            _write_binary(stream, list(writer.variables()), writer.aliases())
        _write_texts(model, directory)


def _write_binary(stream: IO[bytes], variables: list[_Variable], aliases: Iterable[tuple[str, str]]) -> None:
    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return struct.pack("<H", len(data)) + data

    stream.write(struct.pack("<I", _BINARY_VERSION) + text(_SPECIFICATION) + struct.pack("<I", _REVISION))
    stream.write(struct.pack("<I", len(variables)))
    for variable in sorted(variables, key=lambda variable: variable.name):
        interrupt.check()
        array = np.ascontiguousarray(variable.make(), variable.dtype)
        shape = variable.shape
        header = struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        header += struct.pack("<BI", _TYPES[variable.dtype], array.nbytes)
        stream.write(text(variable.name) + header + array.tobytes())
    pairs = sorted(aliases)
    stream.write(struct.pack("<I", len(pairs)))
    for alias, name in pairs:
        stream.write(text(alias) + text(name))


class _Writer:
    """The variables of one model."""

    def __init__(self, model: ModelDirectory, tensor: Callable[[str], Array], dtype: CTranslate2Type) -> None:
        self.config: ModelConfig = model.config
        self.tensor = tensor
        self.is_int8 = dtype == "int8"
        self.shapes = dict([*weight_shapes(self.config), *float_shapes(self.config)])

    def variables(self) -> Iterator[_Variable]:
        """All of them."""
        config = self.config
        yield from self._matrix("decoder/embeddings", [self._decoder_embedding])
        if not config.shared_embeddings:
            yield from self._matrix("encoder/embeddings_0", ["encoder.embedding"])
        if not config.tied_output:
            yield from self._matrix("decoder/projection", ["output"])
        if config.output_bias or config.suppressed_ids:
            yield _Variable(
                "decoder/projection/bias", "float32", (config.target_vocab_size,), self._output_bias
            )
        for side, layers in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
            yield from self._numbers(side)
            if side == "encoder" or self._stacks_have_positions:
                yield self._positions(side)
            if config.embedding_norm:
                yield from self._norm(f"{side}/layernorm_embedding", f"{side}.embedding_norm")
            if config.norm is NormPlacement.PRE:
                yield from self._norm(f"{side}/layer_norm", f"{side}.norm")
            for layer in range(layers):
                yield from self._layer(side, layer)

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Names of variables that are others; scales of rows follow their weights by themselves."""
        config = self.config
        same = []
        if config.shared_embeddings:
            same.append(("encoder/embeddings_0", "decoder/embeddings"))
        if config.tied_output:
            same.append(("decoder/projection", "decoder/embeddings"))
        for alias, name in same:
            yield f"{alias}/weight", f"{name}/weight"
        if not self._stacks_have_positions:
            yield "decoder/position_encodings/encodings", "encoder/position_encodings/encodings"

    @property
    def _decoder_embedding(self) -> str:
        return "encoder.embedding" if self.config.shared_embeddings else "decoder.embedding"

    @property
    def _stacks_have_positions(self) -> bool:
        return self.config.positions is Positions.LEARNED

    def _numbers(self, side: str) -> Iterator[_Variable]:
        config = self.config
        scale = math.sqrt(config.d_model) if config.scale_embeddings else 1.0
        numbers: dict[str, tuple[str, float]] = {
            "num_heads": ("int16", config.attention_heads),
            "pre_norm": ("int8", config.norm is NormPlacement.PRE),
            "activation": ("int8", _ACTIVATIONS[config.activation]),
            "scale_embeddings": ("float32", scale),
        }
        if side == "decoder":
            numbers["start_from_zero_embedding"] = "int8", 0
        for name, (dtype, value) in numbers.items():
            yield _Variable(f"{side}/{name}", dtype, (), lambda value=value: np.asarray(value))  # type: ignore[misc]

    def _layer(self, side: str, layer: int) -> Iterator[_Variable]:
        theirs, ours = f"{side}/layer_{layer}", f"{side}.layers.{layer}"
        products = {
            "self_attention/linear_0": [f"self_attention.{part}" for part in ("query", "key", "value")],
            "self_attention/linear_1": ["self_attention.output"],
            "ffn/linear_0": ["feed_forward.inner"],
            "ffn/linear_1": ["feed_forward.outer"],
        }
        norms = {"self_attention": "self_attention", "ffn": "feed_forward"}
        if side == "decoder":
            norms["attention"] = "cross_attention"
            products |= {
                "attention/linear_0": ["cross_attention.query"],
                "attention/linear_1": ["cross_attention.key", "cross_attention.value"],
                "attention/linear_2": ["cross_attention.output"],
            }
        for name, parts in products.items():
            places = [f"{ours}.{part}" for part in parts]
            yield from self._matrix(f"{theirs}/{name}", places)
            yield self._vector(f"{theirs}/{name}/bias", [f"{place}.bias" for place in places])
        for name, part in norms.items():
            yield from self._norm(f"{theirs}/{name}/layer_norm", f"{ours}.{part}.norm")

    def _norm(self, theirs: str, ours: str) -> Iterator[_Variable]:
        yield self._vector(f"{theirs}/gamma", [f"{ours}.weight"])
        yield self._vector(f"{theirs}/beta", [f"{ours}.bias"])

    def _vector(self, theirs: str, ours: list[str]) -> _Variable:
        """Vectors one behind the other."""
        rows = sum(self.shapes[name][0] for name in ours)
        return _Variable(
            theirs, "float32", (rows,), lambda: np.concatenate([widened(self.tensor, name) for name in ours])
        )

    def _matrix(self, theirs: str, ours: list[str]) -> Iterator[_Variable]:
        """Weights [out, in], one below the other; in int8 with a number for each row that they were
        multiplied with."""
        names = [f"{name}.weight" for name in ours]
        shapes = [self.shapes[name] for name in names]
        shape = (sum(rows for rows, _ in shapes), shapes[0][1])
        if not self.is_int8:
            yield _Variable(
                f"{theirs}/weight",
                "float32",
                shape,
                lambda: np.concatenate([widened(self.tensor, n) for n in names]),
            )
            return
        yield _Variable(
            f"{theirs}/weight",
            "int8",
            shape,
            lambda: np.concatenate([_integers(self.tensor, name)[0] for name in names]),
        )
        yield _Variable(
            f"{theirs}/weight_scale",
            "float32",
            shape[:1],
            lambda: np.concatenate([_integers(self.tensor, name)[1] for name in names]),
        )

    def _output_bias(self) -> Array:
        config = self.config
        size = config.target_vocab_size
        bias = (
            widened(self.tensor, "output.bias").copy() if config.output_bias else np.zeros(size, np.float32)
        )
        bias[list(config.suppressed_ids)] = _NEVER
        return bias

    def _positions(self, side: str) -> _Variable:
        config = self.config
        rows = config.max_positions

        def make() -> Array:
            if self._stacks_have_positions:
                table = widened(self.tensor, f"{side}.positions.weight")
            else:
                table = position_table(config)
            return table[config.position_offset :][:rows]

        return _Variable(
            f"{side}/position_encodings/encodings", "float32", (len(make()), config.d_model), make
        )


def _integers(tensor: Callable[[str], Array], name: str) -> tuple[Array, Array]:
    """int8 [rows, columns], and float32 [rows] that a row's weights were multiplied with."""
    array = tensor(name)
    if array.dtype == np.int8:
        steps = tensor(f"{name}_scale").astype(np.float32)
        return array, np.divide(1, steps, out=np.ones_like(steps), where=steps > 0)
    largest = np.abs(array).max(axis=1)
    scales = np.divide(_LARGEST, largest, out=np.ones_like(largest, np.float32), where=largest > 0)
    return np.rint(array * scales[:, None]).astype(np.int8), scales


def _write_texts(model: ModelDirectory, directory: Path) -> None:
    """config.json, the vocabularies, and the sentencepiece files that cut text into them."""
    config = model.config
    sizes = (config.source_vocab_size, config.target_vocab_size)
    source, target = (
        [piece.text for piece in PieceTable.read(path).pieces[:size]]
        for path, size in zip(model.tokenizer_paths, sizes, strict=True)
    )
    settings = {
        "add_source_bos": False,
        "add_source_eos": config.source_eos,
        "bos_token": target[config.decoder_start_id],
        "decoder_start_token": target[config.decoder_start_id],
        "eos_token": target[config.eos_id],
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "multi_query_attention": False,
        "unk_token": target[config.unk_id],
    }
    vocabularies = {"source_vocabulary": source, "target_vocabulary": target}
    if source == target:
        vocabularies = {"shared_vocabulary": source}
    for name, content in {"config": settings, **vocabularies}.items():
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    for name, path in zip(("source.spm", "target.spm"), model.tokenizer_paths, strict=True):
        shutil.copyfile(path, directory / name)

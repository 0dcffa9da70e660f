"""Our tensors out of the variables of a CTranslate2 Transformer.

Products that are stored one below the other are taken apart; int8 weights stay the numbers that they are.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from octavo.conversion.ctranslate2.architecture import DECODER_EMBEDDING, PROJECTION, STACKS, Architecture
from octavo.conversion.errors import ConversionError
from octavo.conversion.mapping import MappedTensors, Origin, same, zeros
from octavo.conversion.start_token import NEVER
from octavo.conversion.tensor_source import Array
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.model.architecture import embedding_name, output_weight_name
from octavo.model.config import ModelConfig, Positions
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors, weight_shapes

_SCALE: Final = "_scale"
_PROJECTION_BIAS: Final = "decoder/projection/bias"

_SUBLAYERS: Final = {
    "self_attention": "self_attention",
    "cross_attention": "attention",
    "feed_forward": "ffn",
}
# The variable that a product of ours is in, and which of the products in it ours is.
_PRODUCTS: Final[Mapping[str, tuple[str, int | None]]] = {
    "self_attention.query": ("linear_0", 0),
    "self_attention.key": ("linear_0", 1),
    "self_attention.value": ("linear_0", 2),
    "self_attention.output": ("linear_1", None),
    "cross_attention.query": ("linear_0", None),
    "cross_attention.key": ("linear_1", 0),
    "cross_attention.value": ("linear_1", 1),
    "cross_attention.output": ("linear_2", None),
    "feed_forward.gate": ("linear_0", None),
    "feed_forward.inner": ("linear_0", None),
    "feed_forward.outer": ("linear_1", None),
}
_PARTS: Final = {"self_attention": 3, "cross_attention": 2}
_NORMS: Final = {"embedding_norm": "layernorm_embedding", "norm": "layer_norm"}
_NORM_VECTORS: Final = {"weight": "gamma", "bias": "beta"}
_OF_LAYER: Final = re.compile(r"(encoder|decoder)\.layers\.(\d+)\.(\w+)\.(\w+)\.(\w+)")

# Numbers that are looked at, or that say nothing about what a translation is.
_KNOWN_NUMBERS: Final = frozenset({
    *("num_heads", "pre_norm", "activation", "scale_embeddings", "multiply_by_sqrt_depth"),
    *("start_from_zero_embedding", "scale_outputs", "queries_scale", "relative_attention_max_distance"),
    *("embeddings_merge", "alignment_layer", "alignment_heads"),
    *("alibi_use_positive_positions", "scale_alibi"),
    *("with_source_bos", "with_source_eos", "with_target_bos", "user_decoder_start_tokens"),
    *("unk_token", "bos_token", "eos_token"),
})  # fmt: skip
_MUST_BE_ZERO: Final = {
    "alibi": "attention with linear biases",
    "multi_query_attention": "keys and values that all heads share",
    "sliding_window": "attention over a window",
    "layer_norm_use_residual": "norms with 1 added to their weights",
    "final_logit_softcapping": "capped logits",
}


def read_weights(architecture: Architecture, config: ModelConfig) -> tuple[Scheme, Mapping[str, Array]]:
    """The scheme of the model and its tensors, each made when it is asked for.

    Where every matrix is int8 the scheme is int8-dynamic, and the weights are the numbers of the file. Raises
    ConversionError.
    """
    return _Weights(architecture, config).model()


class _Int8Variables:
    """The file, int8 matrices as their numbers and their scales as our steps: one for each row."""

    def __init__(self, file: CTranslate2File) -> None:
        self.path: Path = file.path
        self._file = file

    def names(self) -> Collection[str]:
        return self._file.names()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._file.shape(self._matrix(name) or name)[: 1 if self._matrix(name) else None]

    def read(self, name: str) -> Array:
        if matrix := self._matrix(name):
            return self._file.read_int8(matrix)[1]
        return self._file.read_int8(name)[0] if self._file.kind(name) == "int8" else self._file.read(name)

    def _matrix(self, name: str) -> str | None:
        """The matrix that a scale belongs to."""
        matrix = name.removesuffix(_SCALE)
        return matrix if matrix != name and matrix in self._file.names() else None


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor of ours is: a variable, and which of the ``parts`` stored one below the other in it."""

    variable: str
    part: int | None = None


class _Weights:
    def __init__(self, architecture: Architecture, config: ModelConfig) -> None:
        self.architecture = architecture
        self.file = architecture.file
        self.names = architecture.names
        self.config = config
        self.with_start = {embedding_name(config, "decoder"), output_weight_name(config)}
        matrices = [self._place(name).variable for name, _ in weight_shapes(config)]
        kinds = {self.file.kind(name) for name in matrices if name in self.names}
        self.scheme = Scheme.INT8_DYNAMIC if kinds == {"int8"} else Scheme.NONE

    def model(self) -> tuple[Scheme, Mapping[str, Array]]:
        """The scheme, and the tensors."""
        specs = tensors(self.config, self.scheme)
        shapes = {spec.name: spec.shape for spec in specs}
        source = self.file if self.scheme is Scheme.NONE else _Int8Variables(self.file)
        unread = self._unread()
        return self.scheme, MappedTensors(
            source,
            specs,
            lambda name: self._origin(name, shapes[name]),
            unread=unread,
            implied_by="a Transformer as octavo has it",
        )

    def _unread(self) -> set[str]:
        """Variables that become no tensor of ours. Raises ConversionError for numbers that ask for more."""
        found = {DECODER_EMBEDDING, PROJECTION, self.architecture.encoder_embedding}
        if self.config.positions is not Positions.LEARNED:
            found |= {f"{side}/position_encodings/encodings" for side in STACKS}
        for name in self.names:
            part = name.rpartition("/")[2]
            if part in _MUST_BE_ZERO and self.file.number(name):
                raise ConversionError(
                    f"{self.file.path}: {name} is not 0; octavo has no models with {_MUST_BE_ZERO[part]}"
                )
            is_scale = name.endswith(_SCALE) and name.removesuffix(_SCALE) in self.names
            if (
                is_scale
                or part in _MUST_BE_ZERO
                or part in _KNOWN_NUMBERS
                or part == "relative_attention_bias"
            ):
                found.add(name)
        return found

    def _place(self, name: str) -> _Place:
        """Where one of our tensors is; ``name`` is that of a weight, not of its scales."""
        whole = {
            "encoder.embedding.weight": self.architecture.encoder_embedding,
            "decoder.embedding.weight": DECODER_EMBEDDING,
            "output.weight": PROJECTION,
            "output.bias": _PROJECTION_BIAS,
        }
        if name in whole:
            return _Place(whole[name])
        if match := _OF_LAYER.fullmatch(name):
            side, layer, sublayer, product, kind = match.groups()
            scope = f"{side}/layer_{layer}/{_SUBLAYERS[sublayer]}"
            if product == "norm":
                return _Place(f"{scope}/layer_norm/{_NORM_VECTORS[kind]}")
            variable, part = _PRODUCTS[f"{sublayer}.{product}"]
            if product == "inner" and self.config.gated:
                variable = "linear_0_noact"
            return _Place(f"{scope}/{variable}/{kind}", part)
        side, _, rest = name.partition(".")
        if rest == "relative_bias":
            return _Place(f"{side}/layer_0/self_attention/relative_attention_bias")
        if rest == "positions.weight":
            return _Place(f"{side}/position_encodings/encodings")
        norm, _, kind = rest.partition(".")
        return _Place(f"{side}/{_NORMS[norm]}/{_NORM_VECTORS[kind]}")

    def _origin(self, name: str, shape: tuple[int, ...]) -> Origin:
        """What a tensor of ours is made of."""
        matrix = name.removesuffix(_SCALE)
        place = self._place(matrix)
        is_scale = matrix != name
        extra = int(self.architecture.starts_from_zero and matrix in (*self.with_start, "output.bias"))
        if name.endswith(".bias") and place.variable not in self.names and ".norm." not in name:
            made = zeros(shape[0] - extra)
        else:
            made = same(place.variable + (_SCALE if is_scale else ""))
            if place.part is not None:
                self._check_parts(place.variable, shape[0])
                made = made.rows(place.part * shape[0], (place.part + 1) * shape[0])
        if name.endswith("positions.weight"):
            made = made.rows(0, shape[0])
        if extra:
            made = made.with_rows(extra, NEVER if name == "output.bias" else float(is_scale))
        holds_numbers = self.scheme is Scheme.INT8_DYNAMIC and name.endswith(".weight")
        factor = 1.0 if holds_numbers and "norm" not in name else self._factor(matrix)
        return made if factor == 1.0 else made.scaled(factor)

    def _check_parts(self, variable: str, rows: int) -> None:
        """Check that nothing lies below the products that ours are."""
        parts = _PARTS["self_attention" if "/self_attention/" in variable else "cross_attention"]
        found = self.file.shape(variable)[0] if variable in self.names and self.file.shape(variable) else 0
        if found and found != parts * rows:
            raise ConversionError(f"{self.file.path}: {variable} has {found} rows, not {parts} x {rows}")

    def _factor(self, name: str) -> float:
        """What a tensor is multiplied with so that our arithmetic gives theirs.

        Scores are divided by the root of a head's width here, and multiplied by ``queries_scale`` there. T5's
        decoder multiplies its output before the last product; here its last norm does it.
        """
        match = _OF_LAYER.fullmatch(name)
        if match and match[4] == "query":
            stated = f"{match[1]}/layer_{match[2]}/{_SUBLAYERS[match[3]]}/queries_scale"
            if stated in self.names:
                return self.file.number(stated) * math.sqrt(self.config.head_dim)
        if name.startswith("decoder.norm."):
            return self.file.number("decoder/scale_outputs", 1.0)
        return 1.0

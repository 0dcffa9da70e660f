"""The hyper-parameters that the variables of a CTranslate2 Transformer show.

Source: CTranslate2 4.8, src/layers/{transformer,attention,common}.cc.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

import numpy as np

from octavo.artifact.positions import position_table
from octavo.conversion.ctranslate2.settings import Settings
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.conversion.token_lists import PAD_NAMES
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import Activation, ModelConfig, NormFunction, NormPlacement, Positions
from octavo.model.errors import SpecError
from octavo.model.limits import MAX_ALIGNMENT_HEADS, MAX_POSITIONS

STACKS: Final = ("encoder", "decoder")
DECODER_EMBEDDING: Final = "decoder/embeddings/weight"
PROJECTION: Final = "decoder/projection/weight"

_SPECIFICATION: Final = "TransformerSpec"
_HEADS_OF_OLD: Final = {"TransformerBase": 8, "TransformerBig": 16}
"""Models whose specification does not say how many heads they have (before revision 3)."""

_ACTIVATIONS: Final = {0: Activation.RELU, 1: Activation.GELU_TANH, 2: Activation.SILU, 3: Activation.GELU}
_OTHER_ACTIVATIONS: Final = {4: "GELU by a sigmoid, x * sigmoid(1.702 x)", 5: "tanh", 6: "sigmoid"}

_LAST: Final = -1
_POSITIONS_WITHOUT_TABLE: Final = 1024
_SAME_POSITION: Final = 2e-6
_SAME_ANGLE: Final = 5e-7
"""Stored positions differ from the table by the rounding of sines, and of angles in float32, which grows with
the position."""
_PROBED_ROWS: Final = 4
_TABLES: Final = (
    (Positions.HALVES, 0),
    (Positions.INTERLEAVED, 0),
    (Positions.TENSOR2TENSOR, 0),
    (Positions.TENSOR2TENSOR, 1),
    (Positions.TENSOR2TENSOR, 2),
)
"""The computed positions that files hold, and the position of a sentence's first token."""


class Architecture:
    """What the variables of ``file`` say. Raises ConversionError for what our models cannot be."""

    def __init__(self, file: CTranslate2File, settings: Settings) -> None:
        self.file = file
        self.settings = settings
        self.names = file.names()
        self._check_kind()
        self.encoder_embedding = next(
            (
                name
                for name in ("encoder/embeddings_0/weight", "encoder/embeddings/weight")
                if name in self.names
            ),
            "encoder/embeddings_0/weight",
        )
        for name in (self.encoder_embedding, DECODER_EMBEDDING, PROJECTION):
            self.shape(name, 2)
        self.starts_from_zero = bool(self.number("decoder", "start_from_zero_embedding", 0))

    def _check_kind(self) -> None:
        kind = self.file.specification
        if kind not in (_SPECIFICATION, *_HEADS_OF_OLD) or self.file.revision < 2:
            raise ConversionError(
                f"{self.file.path}: holds a {kind or 'model of version 1'}; octavo translates with a "
                f"{_SPECIFICATION}, of revision 2 or newer"
            )
        if "encoder/embeddings_1/weight" in self.names:
            raise ConversionError(
                f"{self.file.path}: the source's tokens have features (encoder/embeddings_1); octavo has no "
                "such models"
            )

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a variable that must be there and have so many dimensions."""
        if name not in self.names:
            raise ConversionError(f"{self.file.path}: {name} is missing; convert the model again")
        found = self.file.shape(name)
        if len(found) != dimensions:
            raise ConversionError(f"{self.file.path}: {name} has shape {list(found)}")
        return found

    def number(self, side: str, name: str, default: float | None = None) -> float:
        """A number of a stack; before revision 5 both stacks share some."""
        stated = f"{side}/{name}"
        return self.file.number(stated if stated in self.names else name, default)

    def same(self, name: str, other: str) -> bool:
        """Whether two variables are one, or hold the same weights."""
        if self.file.stored_name(name) == self.file.stored_name(other):
            return True
        file = self.file
        alike = file.shape(name) == file.shape(other) and file.kind(name) == file.kind(other)
        return alike and np.array_equal(file.read(name), file.read(other))

    def config(self) -> ModelConfig:
        """The configuration of the model in our terms."""
        heads = self._alike("num_heads", _HEADS_OF_OLD.get(self.file.specification, 8))
        pre_norm = bool(self._alike("pre_norm", 1))
        d_model = self.shape(DECODER_EMBEDDING, 2)[1]
        extra = int(self.starts_from_zero)
        shared = self.same(self.encoder_embedding, DECODER_EMBEDDING)
        rows = self.file.shape(DECODER_EMBEDDING)[0]
        values: dict[str, Any] = {
            "d_model": d_model,
            "ffn_dim": self.shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
            "encoder_layers": self._layers("encoder"),
            "decoder_layers": self._layers("decoder"),
            "attention_heads": int(heads),
            "attention_head_dim": self._head_dim(int(heads), d_model),
            "source_vocab_size": self.file.shape(self.encoder_embedding)[0] + (extra if shared else 0),
            "target_vocab_size": rows + extra,
            "norm": NormPlacement.PRE if pre_norm else NormPlacement.POST,
            "norm_function": self._norm_function(),
            "activation": self._activation(),
            "gated": "encoder/layer_0/ffn/linear_0_noact/weight" in self.names,
            "scale_embeddings": self._scales_embeddings(d_model),
            "embedding_norm": "encoder/layernorm_embedding/gamma" in self.names,
            "shared_embeddings": shared,
            "tied_output": self.same(DECODER_EMBEDDING, PROJECTION),
            "output_bias": "decoder/projection/bias" in self.names or self.starts_from_zero,
            "layer_norm_epsilon": self._epsilon(),
            **self._relative(),
            **self._tokens(rows),
        }
        try:
            return self._with_positions(ModelConfig(max_positions=2, **values))
        except SpecError as error:
            raise ConversionError(f"{self.file.path}: {error}") from error

    def alignment(self, config: ModelConfig) -> AlignmentHeads | None:
        """The heads that were trained to align: those of a named layer. None where it is the last one,
        which CTranslate2 looks at in all other models."""
        layer = int(self.number("decoder", "alignment_layer", _LAST))
        if layer == _LAST:
            return None
        layer += config.decoder_layers if layer < 0 else 0
        heads = int(self.number("decoder", "alignment_heads", 1)) or config.attention_heads
        try:
            found = AlignmentHeads(tuple((layer, head) for head in range(min(heads, MAX_ALIGNMENT_HEADS))))
            found.check(config)
        except SpecError as error:
            raise ConversionError(f"{self.file.path}: {error}") from error
        return found

    def _alike(self, name: str, default: float) -> float:
        values = [self.number(side, name, default) for side in STACKS]
        if values[0] != values[1]:
            raise ConversionError(
                f"{self.file.path}: {name} is {values[0]:g} in the encoder and {values[1]:g} in the decoder; "
                "in Octavo's models both stacks are alike"
            )
        return values[0]

    def _layers(self, side: str) -> int:
        count = 0
        while f"{side}/layer_{count}/self_attention/linear_0/weight" in self.names:
            count += 1
        return count

    def _head_dim(self, heads: int, d_model: int) -> int:
        """The width of a head; 0 where it follows from the others."""
        width = self.shape("encoder/layer_0/self_attention/linear_1/weight", 2)[1]
        rows = self.shape("encoder/layer_0/self_attention/linear_0/weight", 2)[0]
        if heads < 1 or width % heads or rows != 3 * width:
            raise ConversionError(
                f"{self.file.path}: queries, keys and values have {rows} channels together, the output of "
                f"attention {width}, for {heads} heads; octavo's heads have keys and values of their own"
            )
        return 0 if width == d_model else width // heads

    def _norm_function(self) -> NormFunction:
        has_bias = "encoder/layer_0/self_attention/layer_norm/beta" in self.names
        return NormFunction.LAYER if has_bias else NormFunction.RMS

    def _epsilon(self) -> float:
        stated = self.settings.layer_norm_epsilon
        return stated or (1e-5 if self._norm_function() is NormFunction.LAYER else 1e-6)

    def _activation(self) -> Activation:
        number = int(self._alike("activation", 0))
        if number not in _ACTIVATIONS:
            raise ConversionError(
                f"{self.file.path}: the activation is {_OTHER_ACTIVATIONS.get(number, number)}; octavo has "
                f"{', '.join(Activation)}"
            )
        return _ACTIVATIONS[number]

    def _scales_embeddings(self, d_model: int) -> bool:
        """Whether embeddings are multiplied by sqrt(d_model): a flag says it, or the number itself."""
        found = []
        for side in STACKS:
            stated = (f"{side}/scale_embeddings", f"{side}/embeddings/multiply_by_sqrt_depth")
            name = next((name for name in stated if name in self.names), None)
            value = self.file.number(name) if name else 1.0
            if name is None or self.file.kind(name) == "int8":
                value = math.sqrt(d_model) if value else 1.0
            if not any(math.isclose(value, known, rel_tol=1e-3) for known in (1.0, math.sqrt(d_model))):
                raise ConversionError(
                    f"{self.file.path}: {name} is {value:g}; octavo multiplies embeddings by the root of the "
                    f"width, {math.sqrt(d_model):g}, or not at all"
                )
            found.append(not math.isclose(value, 1.0, rel_tol=1e-3))
        if found[0] != found[1]:
            raise ConversionError(f"{self.file.path}: only one of the stacks scales its embeddings")
        return found[0]

    def _relative(self) -> dict[str, Any]:
        """Buckets of relative positions, which all self-attentions of a stack share (T5)."""
        attention = "encoder/layer_0/self_attention"
        if f"{attention}/relative_attention_bias" not in self.names:
            return {}
        for side in STACKS:
            first = f"{side}/layer_0/self_attention/relative_attention_bias"
            for layer in range(self._layers(side)):
                name = f"{side}/layer_{layer}/self_attention/relative_attention_bias"
                if name not in self.names or first not in self.names or not self.same(first, name):
                    raise ConversionError(f"{self.file.path}: {name} is not the one of the first layer")
        return {
            "relative_buckets": self.shape(f"{attention}/relative_attention_bias", 2)[0],
            "relative_distance": int(self.file.number(f"{attention}/relative_attention_max_distance")),
        }

    def _tokens(self, rows: int) -> dict[str, Any]:
        settings = self.settings
        eos = settings.target.id_of("end of a sentence", settings.eos)
        pads = [settings.target.tokens.index(name) for name in PAD_NAMES if name in settings.target.tokens]
        if self.starts_from_zero:
            start = rows
        elif settings.start is None:
            raise ConversionError(
                f"{settings.path}: decoder_start_token is null: callers of CTranslate2 give each "
                "translation's first token (the language, in mBART-25); octavo's models have one start token"
            )
        else:
            start = settings.target.id_of("first token of the decoder", settings.start)
        return {
            "pad_id": rows if self.starts_from_zero else pads[0] if pads else eos,
            "eos_id": eos,
            "unk_id": settings.target.id_of("unknown token", settings.unknown),
            "decoder_start_id": start,
            "suppressed_ids": (rows,) if self.starts_from_zero else (),
            "source_eos": settings.add_source_eos,
        }

    def _with_positions(self, config: ModelConfig) -> ModelConfig:
        """The same with its positions: those in the file, or computed ones that are the same."""
        if config.relative_buckets:
            return dataclasses.replace(
                config, positions=Positions.NONE, max_positions=_POSITIONS_WITHOUT_TABLE
            )
        stored = [name for side in STACKS if (name := f"{side}/position_encodings/encodings") in self.names]
        if not stored:
            # CTranslate2 computes them, and the first token has position 1.
            return dataclasses.replace(
                config,
                positions=Positions.TENSOR2TENSOR,
                position_offset=1,
                max_positions=_POSITIONS_WITHOUT_TABLE,
            )
        if len(stored) < len(STACKS):
            raise ConversionError(f"{self.file.path}: only {stored[0]} is there, of both stacks")
        rows = min(MAX_POSITIONS, *(self.shape(name, 2)[0] for name in stored))
        for positions, offset in _TABLES if config.d_model % 2 == 0 and config.d_model >= 4 else ():
            table = dataclasses.replace(
                config, positions=positions, position_offset=offset, max_positions=rows
            )
            if all(self._is_table(name, table) for name in stored):
                return table
        return dataclasses.replace(config, positions=Positions.LEARNED, max_positions=rows)

    def _is_table(self, name: str, config: ModelConfig) -> bool:
        """Whether stored positions are those that the configuration says are computed."""
        found = self.file.read(name)
        for rows in (min(_PROBED_ROWS, config.max_positions), config.max_positions):
            table = position_table(dataclasses.replace(config, max_positions=rows))[config.position_offset :]
            allowed = _SAME_POSITION + _SAME_ANGLE * np.arange(rows)[:, None]
            if found.shape[1] != table.shape[1] or not (np.abs(found[:rows] - table) <= allowed).all():
                return False
        return True

"""The hyper-parameters of a model, and what each of them may be."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final

from octavo.model.errors import SpecError
from octavo.model.fields import Between, from_mapping, marks_of
from octavo.model.limits import (
    MAX_DIMENSION,
    MAX_LAYERS,
    MAX_POLYNOMIAL_DEGREE,
    MAX_POSITIONS,
    MAX_RELATIVE_BUCKETS,
    MAX_VOCABULARY,
)


class NormPlacement(enum.StrEnum):
    """Where layer norm sits: before each sublayer, or after each residual addition."""

    PRE = "pre"
    POST = "post"


class Activation(enum.StrEnum):
    """Feed-forward activation. GELU is the exact one, by the error function; ``gelu-tanh`` is T5's
    approximation of it, x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""

    RELU = "relu"
    GELU = "gelu"
    GELU_TANH = "gelu-tanh"
    SILU = "silu"


class AttentionFunction(enum.StrEnum):
    """How scores become attention weights: softmax, or polynomial attention (Lin et al. 2020)."""

    SOFTMAX = "softmax"
    POLYNOMIAL = "polynomial"


class Mixer(enum.StrEnum):
    """What the decoder's first sublayer mixes positions with: self-attention, or the simpler simple
    recurrent unit (SSRU; Kim et al. 2019), whose state takes the place of keys and values."""

    ATTENTION = "attention"
    SSRU = "ssru"


class PolynomialSharing(enum.StrEnum):
    """What shares one bias and one delta of polynomial attention: a layer's attention, or a head of it."""

    LAYER = "layer"
    HEAD = "head"


class NormFunction(enum.StrEnum):
    """What a row is divided by: its standard deviation, its mean absolute one (Lin et al. 2020), or, with
    nothing subtracted before and no bias, its root mean square (T5)."""

    LAYER = "layer-norm"
    L1 = "l1-layer-norm"
    RMS = "rms-norm"


class Positions(enum.StrEnum):
    """Position embeddings: learned, sinusoidal in one of the three published ways, or none.

    ``interleaved``: sin and cos alternate (Vaswani et al. 2017, section 3.5).
    ``halves``: all sines, then all cosines (Transformers' MarianMTModel). In both, channel pair i of
    d_model / 2 turns with frequency 10000^(-2i / d_model).
    ``tensor2tensor``: as ``halves``, with frequency 10000^(-i / (d_model / 2 - 1)) (Marian itself, fairseq,
    M2M-100).
    ``none``: nothing is added (T5, whose attention has relative positions).
    """

    INTERLEAVED = "sinusoidal-interleaved"
    HALVES = "sinusoidal-halves"
    TENSOR2TENSOR = "sinusoidal-tensor2tensor"
    LEARNED = "learned"
    NONE = "none"


class Unwritten(enum.Enum):
    """Which keys config.json leaves out, so that versions that do not know them can read a model.

    ``integer_transformer``: all of them in an ordinary Transformer. ``at_default``: each at its default.
    """

    INTEGER_TRANSFORMER = "integer transformer"
    AT_DEFAULT = "at default"


_INTEGER: Final = Unwritten.INTEGER_TRANSFORMER
_LATER: Final = Unwritten.AT_DEFAULT


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """Hyper-parameters of an encoder-decoder Transformer, or of a language model: a decoder alone.

    A key is one line here: its type, its limits, whether config.json leaves it out, what it says (the table
    in docs/model-format.md is made of these), its default. The space holds Vaswani base and big and the
    models of fairseq, Marian / OPUS-MT, M2M-100, T5 and others.

    An Integer Transformer (Lin et al. 2020) has polynomial attention, ReLU(score + bias)^degree + |delta|
    over its sum, and L1 layer norm. Without ``polynomial_bias`` or ``polynomial_delta`` these are 0.

    ``relative_buckets`` > 0: each stack has a bias for each bucket of distances and each head, which is added
    to the scores of its self-attentions (T5).

    ``encoder_layers`` = 0 makes a language model. It has no source, so no tensor of an encoder, no attention
    to one, and no embedding to share: its only embedding is the decoder's.
    """

    d_model: Annotated[int, Between(1, MAX_DIMENSION), "width of the residual stream"]
    ffn_dim: Annotated[int, Between(1, MAX_DIMENSION), "width of the hidden layer of feed-forward networks"]
    encoder_layers: Annotated[int, Between(0, MAX_LAYERS), "0 is a language model"]
    decoder_layers: Annotated[int, Between(1, MAX_LAYERS), "layers of the decoder"]
    attention_heads: Annotated[int, Between(1, MAX_DIMENSION), "heads of each attention"]
    source_vocab_size: Annotated[int, Between(1, MAX_VOCABULARY), "tokens of the source"]
    target_vocab_size: Annotated[int, Between(1, MAX_VOCABULARY), "tokens of the target"]
    max_positions: Annotated[int, Between(2, MAX_POSITIONS), "the longest text in tokens, with EOS"]
    norm: Annotated[NormPlacement, "norms before sublayers, or after"] = NormPlacement.PRE
    activation: Annotated[Activation, "of feed-forward networks"] = Activation.RELU
    positions: Annotated[Positions, "what is added to embeddings"] = Positions.HALVES
    position_offset: Annotated[int, Between(0, MAX_POSITIONS - 1), "the first token's row of positions"] = 0
    scale_embeddings: Annotated[bool, "embeddings times sqrt(d_model)"] = True
    embedding_norm: Annotated[bool, "a norm after embedding and position"] = False
    shared_embeddings: Annotated[bool, "one embedding for both stacks"] = True
    tied_output: Annotated[bool, "the output multiplies by the decoder's embedding"] = True
    output_bias: Annotated[bool, "a bias of the logits"] = False
    layer_norm_epsilon: Annotated[float, "between 0 and 1"] = 1e-5
    pad_id: Annotated[int, "the token that fills batches"] = 0
    eos_id: Annotated[int, "the token that ends a text"] = 3
    unk_id: Annotated[int, "the token of what no other is"] = 1
    decoder_start_id: Annotated[int, "fed first: EOS in fairseq, PAD in OPUS-MT, BOS here"] = 2
    suppressed_ids: Annotated[tuple[int, ...], "tokens that are never produced"] = (0, 1, 2)
    source_eos: Annotated[bool, "EOS is appended to the source"] = True
    attention: Annotated[AttentionFunction, _INTEGER, "from scores to weights"] = AttentionFunction.SOFTMAX
    polynomial_degree: Annotated[int, Between(1, MAX_POLYNOMIAL_DEGREE), _INTEGER, "the power of scores"] = 3
    polynomial_sharing: Annotated[PolynomialSharing, _INTEGER, "of b and δ"] = PolynomialSharing.HEAD
    polynomial_bias: Annotated[bool, _INTEGER, "b, added to scores"] = True
    polynomial_delta: Annotated[bool, _INTEGER, "δ, added to powers"] = True
    norm_function: Annotated[NormFunction, _INTEGER, "what rows are divided by"] = NormFunction.LAYER
    decoder_mixer: Annotated[Mixer, _LATER, "what looks back at the tokens before"] = Mixer.ATTENTION
    gated: Annotated[bool, _LATER, "feed-forward: outer(activation(gate x) * (inner x))"] = False
    attention_head_dim: Annotated[int, Between(0, MAX_DIMENSION), _LATER, "0: d_model / attention_heads"] = 0
    relative_buckets: Annotated[int, Between(0, MAX_RELATIVE_BUCKETS), _LATER, "of distances; 0: none"] = 0
    relative_distance: Annotated[int, Between(1, MAX_POSITIONS), _LATER, "in the last bucket from here"] = 128

    def __post_init__(self) -> None:
        for key, limits in _LIMITS.items():
            limits.check(key, getattr(self, key))
        if not self.attention_head_dim and self.d_model % self.attention_heads:
            raise SpecError(
                f"d_model = {self.d_model} is not a multiple of attention_heads = {self.attention_heads}"
            )
        if self.attention_width > MAX_DIMENSION:
            raise SpecError(
                f"attention_head_dim = {self.attention_head_dim}: {self.attention_heads} heads have together "
                f"at most {MAX_DIMENSION}"
            )
        self._check_positions()
        if self.shared_embeddings and self.source_vocab_size != self.target_vocab_size:
            raise SpecError("shared_embeddings needs source_vocab_size = target_vocab_size")
        if not (math.isfinite(self.layer_norm_epsilon) and 0 < self.layer_norm_epsilon < 1):
            raise SpecError(f"layer_norm_epsilon = {self.layer_norm_epsilon}: must lie between 0 and 1")
        self._check_polynomial()
        self._check_extensions()
        self._check_language_model()
        for key in ("pad_id", "eos_id", "unk_id", "decoder_start_id"):
            self._check_id(key, getattr(self, key))
        for token in self.suppressed_ids:
            self._check_id("suppressed_ids", token)
        if self.source_eos and self.eos_id >= self.source_vocab_size:
            raise SpecError(f"eos_id: token {self.eos_id} is no source token, but source_eos appends it")
        if self.eos_id in self.suppressed_ids:
            raise SpecError(f"suppressed_ids holds eos_id = {self.eos_id}: no translation could end")

    def _check_positions(self) -> None:
        if self.positions not in (Positions.LEARNED, Positions.NONE) and self.d_model % 2:
            raise SpecError(f"d_model = {self.d_model}: sinusoidal positions need an even width")
        if self.positions is Positions.TENSOR2TENSOR and self.d_model < 4:
            raise SpecError(f"d_model = {self.d_model}: positions = {self.positions} needs a width of 4")
        if self.relative_buckets % 4:  # halves for both directions, and half of each for near distances
            raise SpecError(f"relative_buckets = {self.relative_buckets}: must be a multiple of 4")
        if self.relative_buckets and self.relative_distance <= self.relative_buckets // 2:
            raise SpecError(
                f"relative_distance = {self.relative_distance}: must be more than half of relative_buckets "
                f"= {self.relative_buckets}"
            )

    def _check_extensions(self) -> None:
        """An Integer Transformer has none of what its arithmetic does not know."""
        if self.integer_transformer_part and (part := self.extension):
            raise SpecError(f"{self.integer_transformer_part}: such a model cannot have {part}")

    def _check_polynomial(self) -> None:
        """Softmax attention has no polynomial: what is said of one would be ignored."""
        polynomial = (f for f in dataclasses.fields(self) if f.name.startswith("polynomial_"))
        for field in polynomial if self.attention is AttentionFunction.SOFTMAX else ():
            if (value := getattr(self, field.name)) != field.default:
                raise SpecError(f"{field.name} = {value}: only attention = polynomial has it")

    def _check_language_model(self) -> None:
        """Without an encoder, what is said of a source has one value that it can have."""
        if not self.is_language_model:
            return
        if self.shared_embeddings:
            raise SpecError(
                "encoder_layers = 0: a language model has one embedding; shared_embeddings is false"
            )
        if self.source_vocab_size != self.target_vocab_size:
            raise SpecError(
                "encoder_layers = 0: a language model has one vocabulary, so source_vocab_size = "
                f"{self.source_vocab_size} must be target_vocab_size = {self.target_vocab_size}"
            )
        if not self.source_eos:
            raise SpecError("encoder_layers = 0: a language model has no source; leave source_eos at true")

    def _check_id(self, key: str, token: int) -> None:
        if not 0 <= token < self.target_vocab_size:
            raise SpecError(f"{key}: token {token} lies outside the vocabulary of {self.target_vocab_size}")

    @property
    def is_language_model(self) -> bool:
        """Whether it continues text instead of translating it: a decoder without an encoder."""
        return self.encoder_layers == 0

    @property
    def stacks(self) -> tuple[str, ...]:
        """The stacks that the model has, in the order computed: encoder and decoder, or the decoder alone."""
        return ("decoder",) if self.is_language_model else ("encoder", "decoder")

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.attention_head_dim or self.d_model // self.attention_heads

    @property
    def attention_width(self) -> int:
        """Width of the queries, keys and values of all heads together."""
        return self.attention_heads * self.head_dim

    @property
    def extension(self) -> str | None:
        """What the model has beside an ordinary Transformer, as "key = value"; None where nothing.

        Positions do not count: they are a table that is added.
        """
        for key in (*EXTENSION_KEYS, "activation", "norm_function"):
            value = getattr(self, key)
            new = value in (Activation.GELU_TANH, NormFunction.RMS)
            if new or (key in EXTENSION_KEYS and value != DEFAULTS[key]):
                return f"{key} = {value}"
        return None

    @property
    def integer_transformer_part(self) -> str | None:
        """What makes the model an Integer Transformer, as "key = value"; None for an ordinary one."""
        if self.attention is not AttentionFunction.SOFTMAX:
            return f"attention = {self.attention}"
        return f"norm_function = {self.norm_function}" if self.norm_function is NormFunction.L1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON. INTEGER_TRANSFORMER_KEYS of an ordinary Transformer and
        EXTENSION_KEYS are left out at their defaults, so that versions that do not know them can read it."""
        values = dataclasses.asdict(self)
        values["suppressed_ids"] = list(self.suppressed_ids)
        unwritten = EXTENSION_KEYS + (() if self.integer_transformer_part else INTEGER_TRANSFORMER_KEYS)
        found = {key: v for key, v in values.items() if key not in unwritten or v != DEFAULTS[key]}
        return {key: str(v) if isinstance(v, enum.StrEnum) else v for key, v in found.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        return from_mapping(cls, values)


_LIMITS: Final = marks_of(ModelConfig, Between)
_UNWRITTEN: Final = marks_of(ModelConfig, Unwritten)

DEFAULTS: Final = {
    field.name: field.default
    for field in dataclasses.fields(ModelConfig)
    if field.default is not dataclasses.MISSING
}
"""The defaults of ModelConfig's keys that have one."""

INTEGER_TRANSFORMER_KEYS: Final = tuple(
    key for key, mark in _UNWRITTEN.items() if mark is Unwritten.INTEGER_TRANSFORMER
)
"""Keys of ModelConfig that an ordinary Transformer leaves at their defaults, and does not write."""

EXTENSION_KEYS: Final = tuple(key for key, mark in _UNWRITTEN.items() if mark is Unwritten.AT_DEFAULT)
"""Keys of ModelConfig that are not written at their defaults, so that older versions read such models."""

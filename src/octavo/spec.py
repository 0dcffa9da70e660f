"""The model specification: hyper-parameters, and the options of a search.

Everything that reads, writes, trains, quantizes or runs a model agrees here and nowhere else.
Standard library only; imports nothing of the package.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import reprlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

FORMAT_VERSION: Final = 1

MAX_DIMENSION: Final = 65_536
MAX_VOCABULARY: Final = 1_048_576
MAX_LAYERS: Final = 256
MAX_POSITIONS: Final = 65_536
MAX_ALIGNMENT_HEADS: Final = 16
MAX_THREADS: Final = 1024  # of one engine; native/base/team.cpp has the same
MAX_BEAM: Final = 64
MAX_LENGTH_PENALTY: Final = 10
MAX_LENGTH_RATIO: Final = 100
MAX_POLYNOMIAL_DEGREE: Final = 4
MAX_RELATIVE_BUCKETS: Final = 1024

INTEGER_TRANSFORMER_KEYS: Final = (
    *("attention", "polynomial_degree", "polynomial_sharing", "polynomial_bias", "polynomial_delta"),
    "norm_function",
)
"""Keys of ModelConfig that an ordinary Transformer leaves at their defaults, and does not write."""

EXTENSION_KEYS: Final = (
    *("decoder_mixer", "gated", "attention_head_dim", "relative_buckets", "relative_distance"),
)
"""Keys of ModelConfig that are not written at their defaults, so that older versions read such models."""


class SpecError(ValueError):
    """A configuration that no model can have. The message names the key and the remedy."""


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


class Scheme(enum.StrEnum):
    """How the weights of products and the embeddings are stored.

    ``none``: floating point. ``int8-dynamic``: int8 with one float32 scale per output channel
    (embeddings: per row); activations are quantized per token at run time. ``int8``: a
    ``octavo.plan.QuantizationPlan`` says which products are int8 and how their inputs are quantized.
    ``integer``: an Integer Transformer whose tensors are all integers; its few scales are
    ``octavo.integer_format.IntegerScales``.
    """

    NONE = "none"
    INT8_DYNAMIC = "int8-dynamic"
    INT8 = "int8"
    INTEGER = "integer"


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """Hyper-parameters of an encoder-decoder Transformer, or of a language model: a decoder alone.

    The space holds Vaswani base and big, fairseq's and Marian / OPUS-MT models. Token ids:
    ``decoder_start_id`` is fed first to the decoder (EOS in fairseq, PAD in OPUS-MT, BOS here);
    ``suppressed_ids`` are never produced. ``source_eos`` appends EOS to the source.

    An Integer Transformer (Lin et al. 2020) has polynomial attention, ReLU(score + bias)^degree + |delta|
    over its sum, and L1 layer norm. Without ``polynomial_bias`` or ``polynomial_delta`` these are 0.

    ``decoder_mixer`` may be SSRU (Marian's students). ``gated``: a feed-forward network is
    outer(activation(gate x) * (inner x)), not outer(activation(inner x)). ``attention_head_dim``: the width
    of a head; 0 is d_model / attention_heads. ``relative_buckets`` > 0: each stack has a bias for each
    bucket of distances and each head, which is added to the scores of its self-attentions (T5); distances
    from ``relative_distance`` on share the last bucket.

    ``encoder_layers`` = 0 makes a language model. It has no source, so no tensor of an encoder, no attention
    to one, and no embedding to share: its only embedding is the decoder's.
    """

    d_model: int
    ffn_dim: int
    encoder_layers: int
    decoder_layers: int
    attention_heads: int
    source_vocab_size: int
    target_vocab_size: int
    max_positions: int
    norm: NormPlacement = NormPlacement.PRE
    activation: Activation = Activation.RELU
    positions: Positions = Positions.HALVES
    position_offset: int = 0
    scale_embeddings: bool = True
    embedding_norm: bool = False
    shared_embeddings: bool = True
    tied_output: bool = True
    output_bias: bool = False
    layer_norm_epsilon: float = 1e-5
    pad_id: int = 0
    eos_id: int = 3
    unk_id: int = 1
    decoder_start_id: int = 2
    suppressed_ids: tuple[int, ...] = (0, 1, 2)
    source_eos: bool = True
    attention: AttentionFunction = AttentionFunction.SOFTMAX
    polynomial_degree: int = 3
    polynomial_sharing: PolynomialSharing = PolynomialSharing.HEAD
    polynomial_bias: bool = True
    polynomial_delta: bool = True
    norm_function: NormFunction = NormFunction.LAYER
    decoder_mixer: Mixer = Mixer.ATTENTION
    gated: bool = False
    attention_head_dim: int = 0
    relative_buckets: int = 0
    relative_distance: int = 128

    def __post_init__(self) -> None:
        ranges = {
            "d_model": (1, MAX_DIMENSION),
            "ffn_dim": (1, MAX_DIMENSION),
            "encoder_layers": (0, MAX_LAYERS),
            "decoder_layers": (1, MAX_LAYERS),
            "attention_heads": (1, MAX_DIMENSION),
            "source_vocab_size": (1, MAX_VOCABULARY),
            "target_vocab_size": (1, MAX_VOCABULARY),
            "max_positions": (2, MAX_POSITIONS),  # a token and EOS
            "polynomial_degree": (1, MAX_POLYNOMIAL_DEGREE),
            "attention_head_dim": (0, MAX_DIMENSION),
            "relative_buckets": (0, MAX_RELATIVE_BUCKETS),
            "relative_distance": (1, MAX_POSITIONS),
        }
        for key, (least, most) in ranges.items():
            if not least <= getattr(self, key) <= most:
                raise SpecError(f"{key} = {getattr(self, key)}: must be from {least} to {most}")
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
        if not 0 <= self.position_offset < MAX_POSITIONS:
            raise SpecError(
                f"position_offset = {self.position_offset}: must be from 0 to {MAX_POSITIONS - 1}"
            )
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
            if new or (key in EXTENSION_KEYS and value != type(self).__dataclass_fields__[key].default):
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
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        found = {key: v for key, v in values.items() if key not in unwritten or v != defaults[key]}
        return {key: str(v) if isinstance(v, enum.StrEnum) else v for key, v in found.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        return _from_mapping(cls, values)


@dataclasses.dataclass(frozen=True, slots=True)
class SearchDefaults:
    """How this model is searched unless the caller says otherwise.

    The cap on a translation's length is ``length_ratio`` * source tokens + ``length_margin``,
    counted in target tokens with EOS. A hypothesis scores log-probability / length^length_penalty.
    """

    beam: int = 4
    length_penalty: float = 1.0
    length_ratio: float = 2.0
    length_margin: int = 16

    def __post_init__(self) -> None:
        ranges = {
            "beam": (1, MAX_BEAM),
            "length_penalty": (0, MAX_LENGTH_PENALTY),
            "length_ratio": (0, MAX_LENGTH_RATIO),
            "length_margin": (1, MAX_POSITIONS),
        }
        for key, (least, most) in ranges.items():
            if not least <= getattr(self, key) <= most:  # NaN is in no range
                raise SpecError(f"{key} = {getattr(self, key)}: must be from {least} to {most}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchDefaults:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        return _from_mapping(cls, values)


@dataclasses.dataclass(frozen=True, slots=True)
class SearchOptions:
    """Options of greedy and beam search; docs/numerics.md, "Search", says exactly what each does.

    ``beam`` 1 is greedy search. A hypothesis scores log-probability / length^length_penalty. Lengths count
    target tokens, ``max_length`` with EOS, ``min_length`` without; a translation has at most
    min(max_length, length_ratio * source tokens + length_margin) tokens, those of its terms not counted in
    the latter. No ``no_repeat_ngram`` tokens in a row come twice in a translation; 0: any may.
    """

    beam: int = 4
    nbest: int = 1
    length_penalty: float = 1.0
    min_length: int = 0
    max_length: int = 512
    length_ratio: float = 2.0
    length_margin: int = 16
    no_repeat_ngram: int = 0

    @classmethod
    def from_defaults(cls, defaults: SearchDefaults, **changes: Any) -> SearchOptions:
        """A model's own defaults, with changes; a change that is None leaves the default."""
        given = {key: value for key, value in changes.items() if value is not None}
        return cls(**{**defaults.to_dict(), **given})


AttentionHead: TypeAlias = tuple[int, int]
"""A head of the decoder's cross-attention: its layer, and which of the layer's heads it is; from 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class AlignmentHeads:
    """The heads of the cross-attention that together align target tokens with source tokens, in ascending
    order. docs/numerics.md, "Alignments", says how. Raises SpecError, as the other methods do."""

    heads: tuple[AttentionHead, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.heads) <= MAX_ALIGNMENT_HEADS:
            raise SpecError(f"alignment: {len(self.heads)} heads: must be from 1 to {MAX_ALIGNMENT_HEADS}")
        if list(self.heads) != sorted(set(self.heads)):
            raise SpecError("alignment: heads must be in ascending order, each of them once")

    def check(self, config: ModelConfig) -> None:
        """Check that the model has these heads."""
        if config.is_language_model:
            raise SpecError("alignment: a language model has none; it has no source to align with")
        for layer, head in self.heads:
            for name, number, count in (
                ("layer", layer, config.decoder_layers),
                ("head", head, config.attention_heads),
            ):
                if not 0 <= number < count:
                    raise SpecError(f"alignment: {name} {number}: must be from 0 to {count - 1}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"heads": [list(head) for head in self.heads]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AlignmentHeads:
        """Inverse of ``to_dict``."""
        if set(values) != {"heads"} or not isinstance(values["heads"], list):
            raise SpecError('alignment: expected {"heads": [[layer, head], ...]}')
        found = []
        for pair in values["heads"]:
            if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
                raise SpecError(f"alignment: {reprlib.repr(pair)}: expected [layer, head]")
            found.append((pair[0], pair[1]))
        return cls(tuple(found))


_Fields = TypeVar("_Fields", ModelConfig, SearchDefaults)


def _from_mapping(cls: type[_Fields], values: Mapping[str, Any]) -> _Fields:
    if not isinstance(values, Mapping):
        raise SpecError(f"expected an object, found {type(values).__name__}")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise SpecError(f"unknown key {reprlib.repr(unknown[0])}; known keys: {', '.join(fields)}")
    required = (n for n, f in fields.items() if f.default is dataclasses.MISSING)
    missing = [name for name in required if name not in values]
    if missing:
        raise SpecError(f"missing key {missing[0]!r}")
    return cls(**{key: _convert(key, str(fields[key].type), value) for key, value in values.items()})


def _convert(key: str, kind: str, value: Any) -> Any:
    """A JSON value as the type the field declares; never a silent coercion."""
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind.startswith("tuple") and isinstance(value, list):
        return tuple(_convert(key, "int", item) for item in value)
    if kind in _ENUMS and isinstance(value, str):
        choices = [str(member) for member in _ENUMS[kind]]
        if value not in choices:
            raise SpecError(f"{key} = {reprlib.repr(value)}: must be one of {', '.join(choices)}")
        return _ENUMS[kind](value)
    raise SpecError(f"{key} = {reprlib.repr(value)}: expected {kind}")


_CHOICES: Final = (
    *(NormPlacement, Activation, Positions, AttentionFunction, PolynomialSharing, NormFunction, Mixer),
)
_ENUMS: Final[dict[str, type[enum.StrEnum]]] = {choice.__name__: choice for choice in _CHOICES}

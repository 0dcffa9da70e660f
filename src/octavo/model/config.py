"""The hyper-parameters of a model, and what each of them may be."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any, Final

from octavo.model.errors import SpecError
from octavo.model.fields import from_mapping
from octavo.model.limits import (
    MAX_DIMENSION,
    MAX_LAYERS,
    MAX_POLYNOMIAL_DEGREE,
    MAX_POSITIONS,
    MAX_RELATIVE_BUCKETS,
    MAX_VOCABULARY,
)

INTEGER_TRANSFORMER_KEYS: Final = (
    *("attention", "polynomial_degree", "polynomial_sharing", "polynomial_bias", "polynomial_delta"),
    "norm_function",
)
"""Keys of ModelConfig that an ordinary Transformer leaves at their defaults, and does not write."""

EXTENSION_KEYS: Final = (
    *("decoder_mixer", "gated", "attention_head_dim", "relative_buckets", "relative_distance"),
)
"""Keys of ModelConfig that are not written at their defaults, so that older versions read such models."""


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
        return from_mapping(cls, values)

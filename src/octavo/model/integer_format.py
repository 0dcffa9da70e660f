"""The scheme ``integer``: which models it holds, the scales it states, and the limits of its integers.

docs/numerics.md, "Integer precision", says what is computed. Standard library only.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from typing import Any, Final

from octavo.model.config import Activation, AttentionFunction, ModelConfig, NormFunction, NormPlacement
from octavo.model.errors import SpecError
from octavo.model.scheme import Scheme

Limits = tuple[int, int]
"""The smallest and the largest integer that a tensor may hold."""

WEIGHT_LIMITS: Final = (-127, 127)
MANTISSA_LIMITS: Final = (2**30, 2**31 - 1)
PRODUCT_SHIFT_LIMITS: Final = (-7, 22)
EMBEDDING_SHIFT_LIMITS: Final = (-16, 22)
NORM_SHIFT_LIMITS: Final = (1, 22)
NORM_BIAS_LIMITS: Final = (1 - 2**29, 2**29 - 1)
POLYNOMIAL_BIAS_LIMITS: Final = (1 - 2**30, 2**30 - 1)
DELTA_SHIFT_LIMITS: Final = (1, 127)
CONTEXT_EXPONENT_LIMITS: Final = (-127, -26)
POSITION_LIMITS: Final = (-32767, 32767)

NORM_FRACTION_BITS: Final = 10
"""F: binary digits after the point of a normalized value."""
SYMMETRIC_LEVELS: Final = 128
"""The largest magnitude of what bytes around 128 stand for."""
LARGEST_CONTEXT_RATIO: Final = 16
"""The scale of the context is at most so many times that of the values."""
SUM_LIMIT: Final = 2**31
"""Sums of products are below it in magnitude; logits below ``LOGIT_LIMIT``, so that binary32 holds them."""
LOGIT_LIMIT: Final = 2**24

MOST_WIDTH: Final = 16_384
SMALLEST_SCALE: Final = 2.0**-100
LARGEST_SCALE: Final = 2.0**100


def norm_weight_limits(d_model: int) -> Limits:
    """Of the gains of a norm: max |g| * d * 2^(F - 1) < 2^29, in int16."""
    most = min(32767, (2**29 - 1) // (d_model << (NORM_FRACTION_BITS - 1)))
    return -most, most


@dataclasses.dataclass(frozen=True, slots=True)
class IntegerScales:
    """Scales that a model of scheme ``integer`` states: integer = round(s * real), so real = integer / s.

    Of the residual stream of each stack, and of the logits. All other scales are contained in the factors.
    ``encoder_residual`` is None in a language model, which has no encoder. Raises SpecError for a scale that
    is not from 2^-100 to 2^100, zero among them.
    """

    encoder_residual: float | None
    decoder_residual: float
    logits: float

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            scale = getattr(self, field.name)
            if field.name == "encoder_residual" and scale is None:
                continue
            if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:  # NaN is in no range
                raise SpecError(
                    f"{field.name.replace('_', ' ')}: scale {scale}: "
                    f"must be from {SMALLEST_SCALE:.2g} to {LARGEST_SCALE:.2g}"
                )

    def residual(self, side: str) -> float:
        """Of the residual stream of ``encoder`` or ``decoder``. Raises SpecError without an encoder."""
        found = self.encoder_residual if side == "encoder" else self.decoder_residual
        if found is None:
            raise SpecError("residual: encoder: a language model has no encoder")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        encoder = {} if self.encoder_residual is None else {"encoder": self.encoder_residual}
        return {"residual": {**encoder, "decoder": self.decoder_residual}, "logits": self.logits}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> IntegerScales:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        if set(values) != {"residual", "logits"}:
            raise SpecError("expected an object with the keys residual and logits")
        residual = values["residual"]
        if not isinstance(residual, Mapping) or set(residual) | {"encoder"} != {"encoder", "decoder"}:
            raise SpecError(
                "residual: expected an object with the keys encoder (but for a language model) and decoder"
            )
        return cls(
            _number("residual: encoder", residual["encoder"]) if "encoder" in residual else None,
            _number("residual: decoder", residual["decoder"]),
            _number("logits", values["logits"]),
        )


def _number(key: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise SpecError(f"{key}: {reprlib.repr(value)} is no finite number")
    return float(value)


def integer_obstacle(config: ModelConfig) -> str | None:
    """What keeps the model from being run in integers, as "key = value"; None where nothing does."""
    wanted = {
        "attention": AttentionFunction.POLYNOMIAL,
        "norm_function": NormFunction.L1,
        "norm": NormPlacement.PRE,
        "activation": Activation.RELU,
        "embedding_norm": False,
    }
    for key, value in wanted.items():
        if (found := getattr(config, key)) != value:
            return f"{key} = {str(found).lower()}"
    return f"d_model = {config.d_model}" if config.d_model > MOST_WIDTH else None


def check_integer(config: ModelConfig, scheme: Scheme, scales: IntegerScales | None) -> None:
    """Raise SpecError unless a model of that scheme has such scales (others have none) and can be run so."""
    if scheme is not Scheme.INTEGER:
        if scales is not None:
            raise SpecError(f"a model of scheme {scheme} has no scales of its own")
        return
    if obstacle := integer_obstacle(config):
        raise SpecError(
            f"a model of scheme {scheme} is a pre-norm Transformer with polynomial attention, L1 layer norm, "
            f"ReLU, no embedding_norm and d_model up to {MOST_WIDTH}; this one has {obstacle}"
        )
    if scales is None:
        raise SpecError(f"a model of scheme {scheme} needs the scales of its residual streams and logits")
    if (scales.encoder_residual is None) is not config.is_language_model:
        raise SpecError(
            "residual: encoder: a language model has no encoder"
            if config.is_language_model
            else "residual: encoder: the encoder's scale is missing"
        )

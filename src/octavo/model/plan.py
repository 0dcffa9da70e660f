"""Which products of a model run in int8, and how their inputs become integers."""

from __future__ import annotations

import dataclasses
import math
import operator
import reprlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from octavo.model.architecture import products, sites, weight_products
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.model.scheme import Scheme
from octavo.model.sublayers import ProductKind, SiteKind

DYNAMIC: Final = "dynamic"

SMALLEST_SCALE: Final = 2.0**-100
LARGEST_SCALE: Final = 2.0**100


@dataclasses.dataclass(frozen=True, slots=True)
class Static:
    """A site quantized with one scale, known beforehand: q = round(x / scale) + zero_point, from 0 to 255.

    ``scale`` is rounded to binary32. Symmetric ranges have zero point 128, ranges without negative
    numbers 0. With a ``narrow_range`` q is from 1 to 255, so that around 128 both sides have 127 steps, as
    in Marian. Raises SpecError for values out of range, and for a narrow range that begins at 0.
    """

    scale: float
    zero_point: int = 128
    narrow_range: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _checked_scale(self.scale))
        object.__setattr__(self, "zero_point", operator.index(self.zero_point))
        if not 0 <= self.zero_point <= 255:
            raise SpecError(f"zero_point = {self.zero_point}: must be from 0 to 255")
        if self.narrow_range and self.zero_point == 0:
            raise SpecError("zero_point = 0: a narrow range does not hold it")

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest of q - zero_point."""
        return int(self.narrow_range) - self.zero_point, 255 - self.zero_point

    def to_dict(self) -> dict[str, Any]:
        """Plain values. ``narrow_range`` is left out where it is false, so that older versions read it."""
        values = dataclasses.asdict(self)
        if not self.narrow_range:
            del values["narrow_range"]
        return values


def _checked_scale(scale: float) -> float:
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:  # NaN is in no range
        raise SpecError(f"scale = {scale}: must be from {SMALLEST_SCALE:.2g} to {LARGEST_SCALE:.2g}")
    rounded: float = struct.unpack("<f", struct.pack("<f", scale))[0]
    return rounded


def _quoted(name: str) -> str:
    """A name as an error shows it: whole, unless it cannot be one of ours."""
    return repr(name) if name.isprintable() and len(name) <= 80 else reprlib.repr(name)


def _head_scales(site: str, scales: Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(_checked_scale(scale) for scale in scales)
    except SpecError as error:
        raise SpecError(f"heads: {_quoted(site)}: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class QuantizationPlan:
    """How a model runs in int8.

    ``float32``: products left in float32, weights included. ``inputs``: for each site that an int8
    weight product reads, its static quantization, or None: one scale per token, measured at run time.
    ``heads``: for the sites of int8 attention products, ``X.queries``, ``X.keys`` and ``X.values``, one
    scale per head around zero point 128, rounded to binary32. Attention weights need none: they are at
    most 1.
    """

    float32: frozenset[str]
    inputs: Mapping[str, Static | None]
    heads: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        rounded = {site: _head_scales(site, scales) for site, scales in self.heads.items()}
        object.__setattr__(self, "heads", rounded)

    def check(self, config: ModelConfig) -> None:
        """Raise SpecError, naming the key, unless this is a plan for a model of that configuration."""
        every = {product.name: product for product in products(config)}
        if unknown := sorted(self.float32 - set(every)):
            raise SpecError(f"float32: the model has no product {_quoted(unknown[0])}")
        inputs: set[str] = set()
        heads: set[str] = set()
        known = sites(config)
        for name, product in every.items():
            if name not in self.float32:
                target = inputs if product.kind is ProductKind.WEIGHT else heads
                target.update(site for site in product.sites if known[site].kind is not SiteKind.WEIGHTS)
        _check_sites("inputs", set(self.inputs), inputs)
        _check_sites("heads", set(self.heads), heads)
        for site, scales in self.heads.items():
            if len(scales) != config.attention_heads:
                raise SpecError(
                    f"heads: {site} has {len(scales)} scales, the model {config.attention_heads} heads"
                )

    def float_weights(self, config: ModelConfig) -> frozenset[str]:
        """Weight tensors that stay in floating point because their product does."""
        return frozenset(
            product.weight.name for product in weight_products(config) if product.name in self.float32
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON. Scales keep all their bits."""
        inputs = {
            site: DYNAMIC if how is None else how.to_dict() for site, how in sorted(self.inputs.items())
        }
        heads = {site: list(scales) for site, scales in sorted(self.heads.items())}
        return {"float32": sorted(self.float32), "inputs": inputs, "heads": heads}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> QuantizationPlan:
        """Inverse of ``to_dict``; ``check`` it against its model. Raises SpecError, naming the key."""
        if set(values) != {"float32", "inputs", "heads"}:
            raise SpecError("expected an object with the keys float32, inputs and heads")
        float32, inputs, heads = values["float32"], values["inputs"], values["heads"]
        if not isinstance(float32, list) or not all(isinstance(name, str) for name in float32):
            raise SpecError("float32: expected a list of products")
        if not isinstance(inputs, Mapping) or not isinstance(heads, Mapping):
            raise SpecError("inputs and heads: expected objects")
        return cls(
            float32=frozenset(float32),
            inputs={site: _input(site, how) for site, how in inputs.items()},
            heads={site: _scales(site, scales) for site, scales in heads.items()},
        )


def _check_sites(key: str, found: set[str], wanted: set[str]) -> None:
    if unknown := sorted(found - wanted):
        raise SpecError(f"{key}: no int8 product reads {_quoted(unknown[0])}")
    if missing := sorted(wanted - found):
        raise SpecError(f"{key}: {missing[0]} is missing")


def _input(site: str, how: Any) -> Static | None:
    if how == DYNAMIC:
        return None
    if not isinstance(how, Mapping) or set(how) - {"narrow_range"} != {"scale", "zero_point"}:
        raise SpecError(f"inputs: {_quoted(site)}: expected {DYNAMIC!r}, or a scale and a zero_point")
    zero_point, narrow_range = how["zero_point"], how.get("narrow_range", False)
    if not isinstance(zero_point, int) or isinstance(zero_point, bool):
        raise SpecError(f"inputs: {_quoted(site)}: zero_point must be a whole number")
    if not isinstance(narrow_range, bool):
        raise SpecError(f"inputs: {_quoted(site)}: narrow_range must be true or false")
    try:
        return Static(_number("scale", how["scale"]), zero_point, narrow_range)
    except SpecError as error:
        raise SpecError(f"inputs: {_quoted(site)}: {error}") from error


def _scales(site: str, scales: Any) -> tuple[float, ...]:
    if not isinstance(scales, list):
        raise SpecError(f"heads: {_quoted(site)}: expected a list of scales")
    return tuple(_number(f"heads: {_quoted(site)}", scale) for scale in scales)


def _number(key: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise SpecError(f"{key}: {reprlib.repr(value)} is no finite number")
    return float(value)


def dynamic_plan(config: ModelConfig) -> QuantizationPlan:
    """What ``Scheme.INT8_DYNAMIC`` means: weight products in int8 per token, attention's in float32."""
    attention = (p for p in products(config) if p.kind is not ProductKind.WEIGHT)
    return QuantizationPlan(
        float32=frozenset(product.name for product in attention),
        inputs={product.site: None for product in weight_products(config)},
        heads={},
    )


def plan_of(config: ModelConfig, scheme: Scheme, plan: QuantizationPlan | None) -> QuantizationPlan | None:
    """The plan that a model of that scheme runs by in int8; None: it is a floating-point model, or one of
    scheme ``integer``, which runs in integers whole.

    ``plan`` is the model's own, where its scheme is ``int8``; for another None, or what that scheme
    means. Raises SpecError where the plan does not fit the scheme or the configuration, and for an Integer
    Transformer of an int8 scheme.
    """
    part = config.integer_transformer_part
    if part and scheme in (Scheme.INT8_DYNAMIC, Scheme.INT8):
        raise SpecError(
            f"a model of scheme {scheme} has softmax attention and layer norm; this one has {part}"
        )
    if scheme is Scheme.INT8:
        if plan is None:
            raise SpecError(f"a model of scheme {scheme} needs a quantization plan")
        plan.check(config)
        return plan
    meant = dynamic_plan(config) if scheme is Scheme.INT8_DYNAMIC else None
    if plan is not None and plan != meant:
        raise SpecError(f"a model of scheme {scheme} has no quantization plan of its own")
    return meant

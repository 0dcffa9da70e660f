"""The same shapes as Integer Transformers with random integers. Their translations mean nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.bench.shapes import Shape, configuration
from octavo.errors import InputError
from octavo.model.architecture import OUTPUT, architecture, weight_products
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.model.integer_format import IntegerScales, integer_obstacle
from octavo.model.scheme import Scheme
from octavo.model.sublayers import TensorKind
from octavo.model.tensor_table import DELTA_LIMITS, DType, TensorSpec, tensors
from octavo.quantization import TensorModel

_SCALES: Final = IntegerScales(encoder_residual=1000.0, decoder_residual=1000.0, logits=1000.0)
_TYPES: Final[dict[DType, npt.DTypeLike]] = {DType.I8: np.int8, DType.I16: np.int16, DType.I32: np.int32}
_SPREAD: Final = 40  # of weights and of what products read
_STREAM_SPREAD: Final = 500  # of what sublayers add
_LOGIT_SPREAD: Final = 2000
_MANTISSA: Final = 3 << 29
_DELTA_SHIFT: Final = 30
_CONTEXT_EXPONENT: Final = -31


def integer_configuration(shape: Shape) -> ModelConfig:
    """A shape with polynomial attention and L1 layer norm. Raises InputError where it has more that does not
    run in integers."""
    base = configuration(shape)
    obstacle = base.extension
    if not obstacle:
        config = dataclasses.replace(
            base, attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1
        )
        obstacle = integer_obstacle(config)
    if obstacle:
        raise InputError(f"the shape {shape} has {obstacle}, which does not run in integer; take base or big")
    return config


def random_integer_model(config: ModelConfig, seed: int = 0) -> TensorModel:
    """A model of scheme ``integer`` in memory, its activations as large as a trained model's."""
    rng = np.random.default_rng(seed)
    gain = 1 << 29 - math.ceil(math.log2(config.d_model)) - 10
    shifts = dict(_shifts(config, gain))
    found: dict[str, npt.NDArray[np.generic]] = {}
    for spec in tensors(config, Scheme.INTEGER):
        values = _integers(spec, gain, shifts, rng)
        found[spec.name] = values.astype(_TYPES[spec.dtypes[0]])
    return TensorModel(config, Scheme.INTEGER, found, path="random weights", integer_scales=_SCALES)


def _integers(
    spec: TensorSpec, gain: int, shifts: Mapping[str, int], rng: np.random.Generator
) -> npt.NDArray[np.generic]:
    if len(spec.shape) == 2:
        return np.rint(_SPREAD * rng.standard_normal(spec.shape, np.float32)).clip(-127, 127)
    if spec.kind is TensorKind.SHIFT:
        value = shifts[spec.name]
    elif spec.kind is TensorKind.NORM_WEIGHT:
        value = gain
    else:
        is_delta = spec.kind is TensorKind.POLYNOMIAL and spec.limits == DELTA_LIMITS
        value = _MANTISSA if spec.kind is TensorKind.MULTIPLIER or is_delta else 0
    return np.full(spec.shape, value)


def _shifts(config: ModelConfig, gain: int) -> Iterator[tuple[str, int]]:
    """Every tensor of shifts, and its value: those by which outputs spread as they should."""
    whole = architecture(config)
    # A normalized row spreads by about 2^10.
    of_norm = round(math.log2(gain * 1024 / _SPREAD))
    for stack in whole.stacks:
        yield f"{stack.name}.norm.shift", of_norm
        yield f"{stack.name}.embedding.shift", _shift(_STREAM_SPREAD / _SPREAD)
    for sublayer in whole.sublayers:
        yield f"{sublayer.norm}.shift", of_norm
        if sublayer.kind.is_attention:
            yield f"{sublayer.name}.polynomial.delta_shift", _DELTA_SHIFT
            yield f"{sublayer.name}.context_exponent", _CONTEXT_EXPONENT
    for product in weight_products(config):
        wanted = _SPREAD if product.makes else _STREAM_SPREAD
        if product.name == OUTPUT:
            wanted = _LOGIT_SPREAD
        columns = product.weight.shape[1]
        yield f"{product.name}.shift", _shift(wanted / (_SPREAD * _SPREAD * math.sqrt(columns)))


def _shift(factor: float) -> int:
    """h of a factor."""
    return round(math.log2(_MANTISSA / factor)) - 32

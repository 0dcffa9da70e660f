"""The same shapes as Integer Transformers with random integers. Their translations mean nothing."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.bench.shapes import Shape, configuration
from octavo.errors import InputError
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.model.integer_format import IntegerScales, integer_obstacle
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import DType, TensorSpec, tensors
from octavo.quantization import TensorModel

_SCALES: Final = IntegerScales(encoder_residual=1000.0, decoder_residual=1000.0, logits=1000.0)
_TYPES: Final[dict[DType, npt.DTypeLike]] = {DType.I8: np.int8, DType.I16: np.int16, DType.I32: np.int32}
_SPREAD: Final = 40  # of weights and of what products read
_STREAM_SPREAD: Final = 500  # of what sublayers add
_LOGIT_SPREAD: Final = 2000
_MANTISSA: Final = 3 << 29
_POLYNOMIAL: Final = {"delta": _MANTISSA, "delta_shift": 30, "context_exponent": -31}


def integer_configuration(shape: Shape) -> ModelConfig:
    """A shape with polynomial attention and L1 layer norm. Raises InputError where it has more that does not
    run in integers."""
    config = dataclasses.replace(
        configuration(shape), attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1
    )
    if obstacle := integer_obstacle(config):
        raise InputError(f"the shape {shape} has {obstacle}, which does not run in integer; take base or big")
    return config


def random_integer_model(config: ModelConfig, seed: int = 0) -> TensorModel:
    """A model of scheme ``integer`` in memory, its activations as large as a trained model's."""
    rng = np.random.default_rng(seed)
    found: dict[str, npt.NDArray[np.generic]] = {}
    for spec in tensors(config, Scheme.INTEGER):
        found[spec.name] = _integers(config, spec, rng).astype(_TYPES[spec.dtypes[0]])
    return TensorModel(config, Scheme.INTEGER, found, path="random weights", integer_scales=_SCALES)


def _integers(config: ModelConfig, spec: TensorSpec, rng: np.random.Generator) -> npt.NDArray[np.generic]:
    owner, _, part = spec.name.rpartition(".")
    if len(spec.shape) == 2:
        return np.rint(_SPREAD * rng.standard_normal(spec.shape, np.float32)).clip(-127, 127)
    if owner.endswith(".norm"):
        gain = 1 << 29 - math.ceil(math.log2(config.d_model)) - 10
        # A normalized row spreads by about 2^10.
        value = {"weight": gain, "bias": 0, "shift": round(math.log2(gain * 1024 / _SPREAD))}[part]
    elif part == "shift":
        value = _shift(config, owner)
    elif part in ("multiplier", "context_multiplier"):
        value = _MANTISSA
    else:
        value = _POLYNOMIAL.get(part, 0)
    return np.full(spec.shape, value)


def _shift(config: ModelConfig, owner: str) -> int:
    """h of a product's or an embedding's factors."""
    if owner.endswith("embedding"):
        factor = _STREAM_SPREAD / _SPREAD
    else:
        columns = config.ffn_dim if owner.endswith(".outer") else config.d_model
        wanted = {"outer": _STREAM_SPREAD, "output": _STREAM_SPREAD}.get(owner.rpartition(".")[2], _SPREAD)
        if owner == "output":
            wanted = _LOGIT_SPREAD
        factor = wanted / (_SPREAD * _SPREAD * math.sqrt(columns))
    return round(math.log2(_MANTISSA / factor)) - 32

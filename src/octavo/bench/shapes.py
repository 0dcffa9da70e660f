"""Well-known shapes with random weights, to measure speed on. Their translations mean nothing."""

from __future__ import annotations

import enum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.calibration.candidates.ranges import find_ranges
from octavo.calibration.observe.observations import observe
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.engine.precision import Model
from octavo.model.architecture import architecture
from octavo.model.config import Activation, Mixer, ModelConfig, NormPlacement, Positions
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.model.sublayers import TensorKind
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.quantization.thresholds import Method
from octavo.runs.progress import Silent

_SPREAD: Final = 0.04
_SPECIAL_TOKENS: Final = 4
_CALIBRATION: Final = (2, 8, 20)  # sources and targets, sentences, tokens


class Shape(enum.StrEnum):
    """Vaswani et al. 2017 base and big (6 + 6 layers, pre-norm, ReLU); OPUS-MT (base, post-norm, SiLU);
    Firefox's tiny students (6 + 2 layers, post-norm, ReLU, SSRU)."""

    BASE = "base"
    BIG = "big"
    OPUS = "opus"
    FIREFOX_TINY = "firefox-tiny"


_SIZES: Final[dict[Shape, dict[str, Any]]] = {
    Shape.BASE: {"d_model": 512, "ffn_dim": 2048, "attention_heads": 8},
    Shape.BIG: {"d_model": 1024, "ffn_dim": 4096, "attention_heads": 16},
    Shape.OPUS: {
        "d_model": 512,
        "ffn_dim": 2048,
        "attention_heads": 8,
        "output_bias": True,
        "norm": NormPlacement.POST,
        "activation": Activation.SILU,
    },
    Shape.FIREFOX_TINY: {
        "d_model": 256,
        "ffn_dim": 1536,
        "decoder_layers": 2,
        "attention_heads": 8,
        "output_bias": True,
        "norm": NormPlacement.POST,
        "positions": Positions.TENSOR2TENSOR,
        "decoder_mixer": Mixer.SSRU,
        "layer_norm_epsilon": 1e-6,
    },
}
_LAYERS: Final = {"encoder_layers": 6, "decoder_layers": 6}


def configuration(shape: Shape) -> ModelConfig:
    """The hyper-parameters of a shape; vocabularies have 32,000 tokens, OPUS-MT's 58,101."""
    vocabulary = 58_101 if shape is Shape.OPUS else 32_000
    sizes = {"source_vocab_size": vocabulary, "target_vocab_size": vocabulary, "max_positions": 512}
    return ModelConfig(**sizes | _LAYERS | _SIZES[shape])


def random_tensors(config: ModelConfig, seed: int = 0) -> dict[str, npt.NDArray[np.generic]]:
    """Normal weights, unit norms, zero biases: float32, every tensor of a floating-point model."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for tensor in architecture(config).tensors:
        if tensor.kind.is_matrix:
            found = np.float32(_SPREAD) * rng.standard_normal(tensor.shape, dtype=np.float32)
        else:
            found = np.full(tensor.shape, tensor.kind is TensorKind.NORM_WEIGHT, np.float32)
        tensors[tensor.name] = found
    return tensors


def random_model(config: ModelConfig) -> TensorModel:
    """A floating-point model in memory."""
    return TensorModel(config, Scheme.NONE, random_tensors(config), path="random weights")


def static_plan(model: Model) -> QuantizationPlan:
    """All products of a float model in int8, their inputs static, with the ranges of random tokens.

    The model runs as fast as a calibrated one; its translations mean nothing.
    """
    config = model.config
    rng = np.random.default_rng(1)
    least = min(_SPECIAL_TOKENS, config.target_vocab_size - 1)
    most = min(config.source_vocab_size, config.target_vocab_size)
    sources, targets = rng.integers(least, most, _CALIBRATION).astype(np.int32)
    engine = Engine(model, precision="float32", threads=1)
    seen = observe(engine, config, Pairs(tuple(sources), tuple(targets)), Silent())
    return find_ranges(config, seen, Method.NAIVE, dynamic=False).plan(config, ())


def static_model(model: TensorModel) -> TensorModel:
    """A float model in int8, by ``static_plan``."""
    return QuantizedWeights(model).model(static_plan(model))

"""Random models of scheme ``integer`` in memory: integers of a trained model's size, and beyond it."""

from __future__ import annotations

import math

import numpy as np

from octavo.model.config import ModelConfig, Positions
from octavo.model.integer_format import IntegerScales
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import weight_shapes
from octavo.quantization import TensorModel

SCALES = IntegerScales(encoder_residual=900.0, decoder_residual=1100.0, logits=2000.0)


def factor(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, h) near a real factor: m * 2^-(32 + h)."""
    fraction, exponent = np.frexp(real)
    mantissa = np.clip(np.floor(fraction * 2.0**31), 2**30, 2**31 - 1)
    return mantissa.astype(np.int32), (-1 - exponent).astype(np.int8)


class _Drawing:
    """Tensors of one model; ``loudness`` above 1 drives values into their limits."""

    def __init__(self, config: ModelConfig, seed: int, loudness: float) -> None:
        self.config, self.loudness = config, loudness
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, np.ndarray] = {}

    def factors(self, name: str, count: int, centre: float) -> None:
        real = centre * self.loudness * self.random.uniform(0.5, 1.5, count)
        self.tensors[f"{name}.multiplier"], self.tensors[f"{name}.shift"] = factor(real)

    def product(self, name: str, width: int, columns: int, spread: float, *, bias: bool = True) -> None:
        """A product of inputs that spread by 40 to results that spread by ``spread``."""
        sums = 40 * 40 * math.sqrt(columns)
        self.factors(name, width, spread / sums)
        if bias:
            self.tensors[f"{name}.bias"] = self.random.normal(0, sums / 2, width).astype(np.int32)

    def norm(self, name: str) -> None:
        d = self.config.d_model
        most = min(32767, (2**29 - 1) // (d << 9))
        gain = np.clip(self.random.normal(most / 2, most / 4, d), -most, most)
        self.tensors[f"{name}.weight"] = gain.astype(np.int16)
        self.tensors[f"{name}.bias"] = self.random.normal(0, most * 500, d).astype(np.int32)
        shift = math.log2(1283 * most / 2 / 40 / self.loudness)
        self.tensors[f"{name}.shift"] = np.array([round(shift)], np.int8)

    def attention(self, name: str) -> None:
        heads, degree, random = self.config.attention_heads, self.config.polynomial_degree, self.random
        scores = 40 * 40 * math.sqrt(self.config.head_dim) * self.loudness**2
        self.tensors[f"{name}.polynomial.bias"] = (scores * random.uniform(-1, 3, heads)).astype(np.int32)
        # From nothing to more than an int16 of the power.
        mantissa = random.integers(2**30, 2**31, heads) * random.integers(0, 2, heads)
        self.tensors[f"{name}.polynomial.delta"] = mantissa.astype(np.int32)
        shift = random.integers(14, 34, heads) + degree * random.integers(0, 3)
        self.tensors[f"{name}.polynomial.delta_shift"] = shift.astype(np.int8)
        mantissa, shift = factor(random.uniform(0.5, 4, heads) * self.loudness)
        self.tensors[f"{name}.context_multiplier"] = mantissa
        self.tensors[f"{name}.context_exponent"] = (-32 - shift).astype(np.int8)


def random_integer_model(config: ModelConfig, seed: int = 0, loudness: float = 1.0) -> TensorModel:
    """A model of that configuration with integers in every tensor of the scheme."""
    drawing = _Drawing(config, seed, loudness)
    for name, shape in weight_shapes(config):
        weights = np.clip(np.rint(drawing.random.normal(0, 40, shape)), -127, 127)
        drawing.tensors[name] = weights.astype(np.int8)
        product = name.removesuffix(".weight")
        spread = 500.0 if product.endswith(("attention.output", ".outer")) else 40.0
        if "embedding" not in name and name != "output.weight":
            drawing.product(product, *shape, spread)
    for side, tokens in (("encoder", config.source_vocab_size), ("decoder", config.target_vocab_size)):
        drawing.factors(f"{side}.embedding", tokens, 20.0)
        drawing.norm(f"{side}.norm")
        if config.positions is Positions.LEARNED:
            rows = drawing.random.normal(
                0, 400, (config.max_positions + config.position_offset, config.d_model)
            )
            drawing.tensors[f"{side}.positions.weight"] = rows.astype(np.int16)
    layers = [f"encoder.layers.{i}" for i in range(config.encoder_layers)]
    layers += [f"decoder.layers.{i}" for i in range(config.decoder_layers)]
    for layer in layers:
        parts = ["self_attention", "cross_attention"] if layer.startswith("decoder") else ["self_attention"]
        for part in parts:
            drawing.attention(f"{layer}.{part}")
        for part in [*parts, "feed_forward"]:
            drawing.norm(f"{layer}.{part}.norm")
    drawing.product("output", config.target_vocab_size, config.d_model, 2000.0, bias=config.output_bias)
    return TensorModel(config, Scheme.INTEGER, drawing.tensors, integer_scales=SCALES)

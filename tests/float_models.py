"""Small random models over the configuration space."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from octavo.model.architecture import products
from octavo.model.config import Activation, Mixer, ModelConfig, NormFunction, NormPlacement, Positions
from octavo.model.scheme import Scheme
from octavo.model.sublayers import ProductKind
from octavo.model.tensor_table import float_shapes, weight_shapes
from octavo.quantization import TensorModel

CONFIGS = {
    "base": ModelConfig(
        d_model=32, ffn_dim=48, encoder_layers=2, decoder_layers=2, attention_heads=4,
        source_vocab_size=50, target_vocab_size=50, max_positions=40,
    ),
    "marian": ModelConfig(
        d_model=24, ffn_dim=40, encoder_layers=1, decoder_layers=2, attention_heads=2,
        source_vocab_size=41, target_vocab_size=41, max_positions=24, norm=NormPlacement.POST,
        activation=Activation.SILU, output_bias=True, decoder_start_id=0, eos_id=2, suppressed_ids=(0,),
    ),
    "fairseq": ModelConfig(
        d_model=20, ffn_dim=36, encoder_layers=2, decoder_layers=1, attention_heads=1,
        source_vocab_size=31, target_vocab_size=37, max_positions=20, norm=NormPlacement.PRE,
        activation=Activation.GELU, positions=Positions.LEARNED, position_offset=2, embedding_norm=True,
        shared_embeddings=False, tied_output=False, source_eos=False,
    ),
    "interleaved": ModelConfig(
        d_model=30, ffn_dim=17, encoder_layers=1, decoder_layers=1, attention_heads=5,
        source_vocab_size=23, target_vocab_size=29, max_positions=18, norm=NormPlacement.POST,
        positions=Positions.INTERLEAVED, scale_embeddings=False, shared_embeddings=False,
        output_bias=True, layer_norm_epsilon=1e-6, position_offset=1,
    ),
    "t5": ModelConfig(
        d_model=22, ffn_dim=40, encoder_layers=2, decoder_layers=2, attention_heads=3, attention_head_dim=16,
        source_vocab_size=33, target_vocab_size=33, max_positions=40, norm_function=NormFunction.RMS,
        activation=Activation.GELU_TANH, gated=True, positions=Positions.NONE, relative_buckets=8,
        relative_distance=11, scale_embeddings=False, tied_output=False, layer_norm_epsilon=1e-6,
        eos_id=1, decoder_start_id=0, suppressed_ids=(),
    ),
    "student": ModelConfig(
        d_model=28, ffn_dim=44, encoder_layers=2, decoder_layers=2, attention_heads=4,
        decoder_mixer=Mixer.SSRU, source_vocab_size=35, target_vocab_size=35, max_positions=24,
        norm=NormPlacement.POST, positions=Positions.TENSOR2TENSOR, output_bias=True, layer_norm_epsilon=1e-6,
    ),
}  # fmt: skip


def _random_tensors(config: ModelConfig, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Weights of a trained model's size: products keep variance, norms and biases are not trivial."""
    random = np.random.default_rng(seed)
    for name, shape in weight_shapes(config):
        yield name, random.normal(0, shape[1] ** -0.5, shape).astype(np.float32)
    for name, shape in float_shapes(config):
        centre = 1.0 if name.endswith("norm.weight") else 0.0
        spread = 1.0 if name.endswith("relative_bias") else 0.1
        yield name, random.normal(centre, spread, shape).astype(np.float32)


def random_model(config: ModelConfig, seed: int = 0) -> TensorModel:
    """A float model in memory."""
    return TensorModel(config, Scheme.NONE, dict(_random_tensors(config, seed)))


INT8_CHOICES = ("all", "weights", "attention", "two of three")


def float32_products(config: ModelConfig, int8: str) -> frozenset[str]:
    """What a plan leaves in float32 where ``int8`` says which products run in int8."""
    left = {
        "all": lambda index, product: False,
        "weights": lambda index, product: product.kind is not ProductKind.WEIGHT,
        "attention": lambda index, product: product.kind is ProductKind.WEIGHT,
        "two of three": lambda index, product: index % 3 == 1,
    }[int8]
    return frozenset(product.name for index, product in enumerate(products(config)) if left(index, product))

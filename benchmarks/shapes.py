"""Model directories of well-known shapes with random weights, to measure speed on.

    python benchmarks/shapes.py base --output base
    octavo convert and octavo export take them like any other model.

The weights are random, so translations mean nothing; their lengths must be forced. The vocabulary is that of
the model in the box, filled up with made-up pieces.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from octavo.artifact import write_model
from octavo.conversion.piece_table import Kind, Piece, PieceTable
from octavo.spec import (
    Activation,
    ModelConfig,
    NormPlacement,
    Scheme,
    SearchDefaults,
    float_shapes,
    weight_shapes,
)

BOX_TOKENIZER = Path(__file__).resolve().parents[1] / "models" / "en-de" / "tokenizer.spm"
SPREAD = 0.04
SHAPES = {
    "base": {"d_model": 512, "ffn_dim": 2048, "attention_heads": 8, "vocabulary": 32_000},
    "big": {"d_model": 1024, "ffn_dim": 4096, "attention_heads": 16, "vocabulary": 32_000},
    "opus": {"d_model": 512, "ffn_dim": 2048, "attention_heads": 8, "vocabulary": 58_101},
}


def configuration(shape: str) -> ModelConfig:
    """Vaswani base and big (6 + 6 layers, pre-norm, ReLU), or OPUS-MT (post-norm, SiLU, output bias)."""
    sizes = dict(SHAPES[shape])
    vocabulary = sizes.pop("vocabulary")
    opus = shape == "opus"
    return ModelConfig(
        **sizes,
        encoder_layers=6,
        decoder_layers=6,
        source_vocab_size=vocabulary,
        target_vocab_size=vocabulary,
        max_positions=512,
        norm=NormPlacement.POST if opus else NormPlacement.PRE,
        activation=Activation.SILU if opus else Activation.RELU,
        output_bias=opus,
    )


def random_tensors(config: ModelConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Normal weights, unit norms, zero biases."""
    rng = np.random.default_rng(seed)
    tensors = {
        name: SPREAD * rng.standard_normal(size, dtype=np.float32) for name, size in weight_shapes(config)
    }
    for name, size in float_shapes(config):
        tensors[name] = np.full(size, 1.0 if name.endswith("norm.weight") else 0.0, np.float32)
    return tensors


def write_shape(shape: str, path: Path) -> None:
    """Write the model directory of a shape at ``path``, which must not exist."""
    config = configuration(shape)
    table = PieceTable.read(BOX_TOKENIZER)
    made_up = range(len(table.pieces), config.source_vocab_size)
    pieces = [*table.pieces, *(Piece(f"▁made{i}", -1000.0 - i, Kind.NORMAL) for i in made_up)]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder) / "tokenizer.spm"
        vocabulary.write_bytes(table.with_pieces(pieces).to_bytes())
        write_model(
            path,
            config=config,
            scheme=Scheme.NONE,
            search=SearchDefaults(),
            tensors=random_tensors(config),
            tokenizer_files=(vocabulary, vocabulary),
            name=f"random {shape}",
            source_language="en",
            target_language="de",
            quality={},
        )


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("--output", type=Path, required=True, help="directory to write")
    arguments = parser.parse_args()
    write_shape(arguments.shape, arguments.output)


if __name__ == "__main__":
    main()

"""A hard case for the quality gate: a trained model, rescaled so that blind int8 loses several BLEU.

    python benchmarks/planted_outliers.py models/en-de --output hard
    octavo quantize hard --calibrate train.en --dev val.en val.de --report hard.html --output hard-int8

The planted model computes the same function in float32 (tests/outliers.py). Evaluate it with --precision
float32, quantized blindly (octavo quantize hard -o blind), and as the gate leaves it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.outliers import plant_outliers  # noqa: E402

from octavo.artifact import ModelDirectory, write_model  # noqa: E402
from octavo.model.scheme import Scheme  # noqa: E402


def main() -> None:
    """Read, plant, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path, help="float model directory")
    parser.add_argument("--output", type=Path, required=True, help="directory to write")
    parser.add_argument("--strength", type=float, default=16.0, help="of outlier channels")
    parser.add_argument("--mixing", type=float, default=128.0, help="of outliers no scale per channel undoes")
    arguments = parser.parse_args()
    model = ModelDirectory.open(arguments.model)
    write_model(
        arguments.output,
        config=model.config,
        scheme=Scheme.NONE,
        search=model.search,
        tensors=plant_outliers(
            dict(model.tensors()), model.config, arguments.strength, mixing=arguments.mixing
        ),
        tokenizer_files=model.tokenizer_paths,
        name=f"{model.name}, outliers planted",
        source_language=model.source_language,
        target_language=model.target_language,
        quality={},
    )


if __name__ == "__main__":
    main()

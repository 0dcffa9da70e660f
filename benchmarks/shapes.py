"""Model directories of well-known shapes with random weights, for engines that read files.

    python benchmarks/shapes.py base --output base
    octavo convert and octavo export take them like any other model.

The shapes are those of ``octavo bench --shape``. Translations mean nothing; their lengths must be forced. The
vocabulary is that of the model in the box, filled up with made-up pieces.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from octavo.artifact import write_model
from octavo.bench.shapes import Shape, configuration, random_tensors
from octavo.conversion.piece_table import Kind, Piece, PieceTable
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults

BOX_TOKENIZER = Path(__file__).resolve().parents[1] / "models" / "en-de" / "tokenizer.spm"


def write_shape(shape: Shape, path: Path) -> None:
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
    parser.add_argument("shape", type=Shape, choices=list(Shape))
    parser.add_argument("--output", type=Path, required=True, help="directory to write")
    arguments = parser.parse_args()
    write_shape(arguments.shape, arguments.output)


if __name__ == "__main__":
    main()

"""The gate on checkpoints of other programs: each is converted and quantized within a budget.

    python benchmarks/gate.py multi30k onmt_step_250.pt eole-model fairseq/model.pt ct2-model t5-madlad/theirs

Each PATH is what its program wrote. It is converted, quantized without text (int8-dynamic), and quantized as
``octavo quantize --calibrate train.en --dev val.en val.de --max-drop 0.2`` does. BLEU is that of
test_2016_flickr with beam 4, from text to text.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import octavo
from octavo.conversion import convert
from octavo.evaluation.quality import measure_quality
from octavo.quantization import quantize_model

BUDGET = 0.2


def lines(path: Path, count: int | None = None) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[:count]


def first(path: Path, count: int, folder: Path) -> Path:
    """A file of the first lines of another."""
    shortened = folder / path.name
    shortened.write_text("".join(f"{line}\n" for line in lines(path, count)), encoding="utf-8")
    return shortened


def bleu(model: Path, sources: list[str], references: list[str]) -> float:
    """Of these sentences with beam 4, in the model's own number format."""
    found = octavo.load(model, threads=1)(sources, beam=4)
    return measure_quality([one.text for one in found], references).bleu


def gate(model: Path, output: Path, data: Path, calibration: int, dev: int) -> bool:
    """Whether the command writes a model within the budget."""
    texts = [first(data / name, dev, output.parent) for name in ("val.en", "val.de")]
    train = first(data / "train.en", calibration, output.parent)
    command = [sys.executable, "-m", "octavo", "quantize", model, "-o", output, "--calibrate", train]
    command += ["--sentences", str(calibration), "--threads", "1", "--max-drop", str(BUDGET), "--dev", *texts]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0


def row(path: Path, arguments: argparse.Namespace) -> str:
    """Convert, quantize and measure one: a row of the table."""
    data = arguments.data
    sources = lines(data / "test_2016_flickr.en", arguments.sentences)
    references = lines(data / "test_2016_flickr.de", arguments.sentences)
    with tempfile.TemporaryDirectory() as scratch:
        full, dynamic, static = (Path(scratch) / name for name in ("float32", "int8", "gated"))
        convert(path, full)
        quantize_model(full, dynamic)
        scores = [bleu(model, sources, references) for model in (full, dynamic)]
        kept = gate(full, static, data, arguments.calibration, arguments.dev)
        gated = bleu(static, sources, references) if kept else float("nan")
    cells = [f"{scores[0]:.2f}", *(f"{score:.2f} | {scores[0] - score:+.2f}" for score in (scores[1], gated))]
    return f"| {path.parent.name}/{path.name} | {' | '.join(cells)} |"


def main() -> None:
    """Parse, run, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", type=Path, help="folder with train.en, val.en, val.de and test_2016_flickr.*")
    parser.add_argument("paths", nargs="+", type=Path, help="what octavo convert reads")
    parser.add_argument("--sentences", type=int, default=1000, help="of the test set")
    parser.add_argument("--calibration", type=int, default=500, help="sentences of train.en")
    parser.add_argument("--dev", type=int, default=500, help="sentences of the dev set")
    arguments = parser.parse_args()
    print("| checkpoint | BLEU float32 | int8-dynamic | loss | calibrated, gated | loss |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for path in arguments.paths:
        print(row(path, arguments), flush=True)


if __name__ == "__main__":
    main()

"""Several trainings of an Integer Transformer against the softmax model: how much of a change is chance?

    python benchmarks/integer_seeds.py --softmax runs/softmax/model --integer seed1 seed2 seed3 \
        --test test_2016_flickr.en test_2016_flickr.de --test test_2017_flickr.en test_2017_flickr.de

BLEU of every model by the engine, the softmax model in float32, each with its own search; its change against
the softmax model with the 95 % interval by paired bootstrap; and the mean over the models.
Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from integer_rows import INTEGER, SOFTMAX, check_output, write
from integer_table import TestSet, bleu, change_cell, translate

from octavo.artifact import ModelDirectory
from octavo.evaluation.significance import PairedBootstrap


def compare(
    softmax: ModelDirectory, integers: list[ModelDirectory], test: TestSet, threads: int
) -> dict[str, Any]:
    """BLEU of the softmax model; of each other one, with its change; the means."""
    baseline = translate(SOFTMAX, softmax, test.source, threads)
    bootstrap = PairedBootstrap(baseline, test.reference)
    compared = [bootstrap.compare(translate(INTEGER, model, test.source, threads)) for model in integers]
    found = [bleu(one) for one in compared]
    return {
        "softmax": compared[0].baseline,
        "integer": found,
        "mean": statistics.mean(one["bleu"] for one in found),
        "mean_change": statistics.mean(one["change"] for one in found),
    }


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"# {report['softmax']}: several Integer Transformers in integers",
        "",
        "BLEU, with the change against the softmax model in float32, its 95 % interval and p.",
        "",
        "| | softmax | " + " | ".join(report["models"]) + " | mean |",
        "| --- | ---: | " + "---: | " * len(report["models"]) + "---: |",
    ]
    for name, values in report["tests"].items():
        cells = [f"{one['bleu']:.2f}; {change_cell(one)}" for one in values["integer"]]
        mean = f"{values['mean']:.2f}; {values['mean_change']:+.2f}"
        lines.append(f"| {name} | {values['softmax']:.2f} | " + " | ".join(cells) + f" | {mean} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Translate, compare, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--softmax", type=Path, required=True, help="float model directory")
    parser.add_argument("--integer", type=Path, required=True, nargs="+", help="integer model directories")
    parser.add_argument("--test", type=Path, nargs=2, action="append", required=True, metavar=("SRC", "REF"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("integer-seeds"), help="OUTPUT.json, OUTPUT.md")
    arguments = parser.parse_args()
    check_output(arguments.output)
    softmax = ModelDirectory.open(arguments.softmax)
    integers = [ModelDirectory.open(path) for path in arguments.integer]
    tests = [TestSet.read(*pair) for pair in arguments.test]
    report = {
        "softmax": softmax.name,
        "models": [str(path) for path in arguments.integer],
        "tests": {test.name: compare(softmax, integers, test, arguments.threads) for test in tests},
    }
    write(arguments.output, report, markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()

"""Every published way to calibrate, on test sets: quality, loss with its interval, lengths, size.

    python benchmarks/calibration_modes.py models/en-de --calibrate train.en \\
        --test multi30k-2016 test_2016_flickr.en test_2016_flickr.de --dev val.en val.de

Float32 first; then dynamic per token and the six methods, each with 85 of 133 products (paper) and with all
of them (full), without scale migration, bias correction or falling back; then the model that octavo quantize
recommends: with --dev the gate has seen only that set. Losses are float32 minus int8, with 95 % intervals and
p-values by paired bootstrap. Length ratio: words over the reference's. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import octavo
from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.choose.budget import Budget
from octavo.calibration.choose.calibrate import Calibration, CalibrationOptions, Calibrator
from octavo.calibration.choose.gate import Target
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.report.comparison import DevComparison
from octavo.calibration.report.configurations import (
    Configuration,
    ConfigurationTrials,
    published_configurations,
)
from octavo.calibration.text.named_text import NamedText
from octavo.cli.terminal.lines import open_lines
from octavo.engine import cpu_report
from octavo.machine import cpu_model
from octavo.model.architecture import products
from octavo.quantization.tensor_class import classify

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_OUTPUT = ROOT / "benchmarks" / "results" / "calibration-modes"


class Told:
    """Stages and warnings on standard error."""

    def stage(self, name: str, total: int | None) -> None:
        print(f"{name} ({total})", file=sys.stderr)

    def advance(self, done: int = 1) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        print(f"warning: {message}", file=sys.stderr)


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to run the model."""

    name: str
    coverage: str
    inputs: str
    int8_products: int
    size_bytes: int
    candidate: Candidate | None
    float32: frozenset[str] = frozenset()


def lines(path: Path) -> tuple[str, ...]:
    """The lines of a UTF-8 file."""
    with open_lines(path) as found:
        return tuple(found)


def dev_set(name: str, source: Path, reference: Path) -> DevText:
    """Parallel lines of two files."""
    return DevText(name, reference.name, lines(source), lines(reference))


def rows(calibration: Calibration, recommended: Calibration) -> list[Row]:
    """Float32, every published configuration, and the recommended model."""
    config = calibration.model.config
    number = sum(1 for _ in products(config))
    float32_bytes = sum(
        tensor.nbytes for tensor in calibration.candidate.float_model.tensor_model().tensors.values()
    )
    found = [Row("float32", "", "", 0, float32_bytes, None)]
    assert calibration.original is not None
    assert calibration.data is not None
    modes = ConfigurationTrials(calibration.original, calibration.data.measurements)
    found += [
        mode_row(m, modes.candidate(m), m.coverage.float32(config), number)
        for m in published_configurations()
    ]
    kept = recommended.float32
    size = recommended.candidate.size_bytes(kept)
    plan_inputs = recommended.plan.inputs.values()
    dynamic = sum(how is None for how in plan_inputs)
    inputs = f"{len(plan_inputs) - dynamic} static, {dynamic} per token"
    name = f"recommended ({recommended.method})"
    found.append(Row(name, "full", inputs, number - len(kept), size, recommended.candidate, kept))
    return found


def mode_row(mode: Configuration, candidate: Candidate, float32: frozenset[str], number: int) -> Row:
    """A mode as it is, nothing added."""
    inputs = "per token" if mode.dynamic else "static"
    size = candidate.size_bytes(float32)
    return Row(mode.name, str(mode.coverage), inputs, number - len(float32), size, candidate, float32)


def measure(calibration: Calibration, test: DevText, table: list[Row]) -> list[dict[str, Any]]:
    """Every row on one test set."""
    assert calibration.data is not None
    measurements = calibration.data.measurements
    float32 = measurements.dev_in_float32(test)
    comparisons = {m: DevComparison(test, float32, m) for m in ("bleu", "chrf")}
    found = []
    for row in table:
        print(f"{test.name}: {row.name} {row.coverage}", file=sys.stderr)
        result = float32 if row.candidate is None else measurements.dev(test, row.candidate, row.float32)
        found.append(describe(row, result, comparisons))
    return found


def describe(row: Row, result: DevResult, comparisons: dict[str, DevComparison]) -> dict[str, Any]:
    """One line of the table."""
    losses = {}
    if row.candidate is not None:
        losses = {m: dataclasses.asdict(c.drop(result)) for m, c in comparisons.items()}
    return {
        "name": row.name,
        "coverage": row.coverage,
        "inputs": row.inputs,
        "int8_products": row.int8_products,
        "size_bytes": row.size_bytes,
        **dataclasses.asdict(result.scores),
        "loss": losses,
    }


def classes(calibration: Calibration) -> dict[str, int]:
    """How many inputs of products are of each class."""
    observations = calibration.observations
    assert observations is not None
    sites = dict.fromkeys(site for product in products(calibration.model.config) for site in product.sites)
    return dict(Counter(str(classify(observations.whole(site)).tensor_class) for site in sites))


def markdown(report: dict[str, Any]) -> str:
    """The tables for people."""
    text = [f"# Ways to quantize: {report['model']}", "", report["what"], ""]
    counts = ", ".join(f"{count} {name}" for name, count in sorted(report["classes"].items()))
    text += [f"Inputs of products by class: {counts}.", ""]
    head = [
        "",
        "coverage",
        "inputs",
        "BLEU",
        "loss (95 % interval)",
        "p",
        "chrF",
        "length",
        "ended",
        "int8",
        "MB",
    ]
    for name, table in report["tests"].items():
        text += [f"## {name}", "", row_text(head), row_text(["---"] * 3 + ["---:"] * 8)]
        text += [row_text(cells(line)) for line in table]
        text.append("")
    return "\n".join(text)


def cells(line: dict[str, Any]) -> list[str]:
    """One row, in words."""
    drop = line["loss"].get("bleu")
    loss = f"{drop['points']:.2f} ({drop['low']:.2f} to {drop['high']:.2f})" if drop else ""
    return [
        *(line["name"], line["coverage"], line["inputs"], f"{line['bleu']:.2f}", loss),
        *(f"{drop['p_value']:.3f}" if drop else "", f"{line['chrf']:.2f}", f"{line['length_ratio']:.3f}"),
        *(f"{line['complete_share']:.1%}", str(line["int8_products"]), f"{line['size_bytes'] / 1e6:.2f}"),
    ]


def row_text(texts: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="float model directory")
    parser.add_argument("--calibrate", type=Path, required=True, help="calibration text")
    parser.add_argument(
        "--test", nargs=3, action="append", required=True, metavar=("NAME", "SRC", "REF"), help="a test set"
    )
    parser.add_argument("--dev", nargs=2, type=Path, metavar=("SRC", "REF"), help="what the gate may see")
    parser.add_argument("--max-drop", type=float, default=0.1)
    parser.add_argument("--sentences", type=int, default=CalibrationOptions().sentences)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--state", type=Path, help="folder for finished steps, so that a stopped run goes on")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="without its suffix")
    return parser.parse_args()


def main() -> None:
    """Calibrate, measure, write."""
    given = arguments()
    model = ModelDirectory.open(given.model)
    calibrator = Calibrator(model, folder=given.state, progress=Told(), threads=given.threads)
    text = NamedText(given.calibrate.name, lines(given.calibrate))
    options = CalibrationOptions(sentences=given.sentences)
    tests = [dev_set(name, Path(source), Path(reference)) for name, source, reference in given.test]
    calibration = calibrator.calibrate(text, options)
    recommended = calibration
    if given.dev:
        target = Target(dev_set("dev", *given.dev), Budget(max_drop=given.max_drop))
        recommended = calibrator.calibrate(text, options, target)
    table = rows(calibration, recommended)
    report = {
        "model": model.name,
        "what": f"Calibrated on {given.sentences} sentences of {text.name}. {cpu_model()}, "
        f"{cpu_report()['isa']}; octavo {octavo.__version__}, {dt.datetime.now(dt.UTC).date().isoformat()}. "
        "Beam and search as the model's defaults.",
        "classes": classes(calibration),
        "float32_products_of_recommended": sorted(recommended.float32),
        "techniques": [dataclasses.asdict(technique) for technique in recommended.techniques],
        "tests": {test.name: measure(calibration, test, table) for test in tests},
    }
    given.output.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    durable.write_file(given.output.with_suffix(".json"), data.encode())
    durable.write_file(given.output.with_suffix(".md"), markdown(report).encode())


if __name__ == "__main__":
    main()

"""Static against dynamic quantization of inputs, in one run: speed and BLEU of each way to run a model.

    python benchmarks/static_dynamic.py --model models/en-de --calibrate train.en \
        --source test_2016_flickr.en --reference test_2016_flickr.de

Every way translates the same token ids with the model's own search. Rounds are interleaved and start with
another way each time; speed is target tokens (with EOS) per second, the median of the rounds. Let the machine
rest while this runs. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.candidates.coverage import Coverage, Inputs
from octavo.calibration.choose.calibrate import CalibrationOptions, Calibrator
from octavo.calibration.text.named_text import NamedText
from octavo.engine import Engine, SearchOptions, cpu_report
from octavo.evaluation.significance import PairedBootstrap
from octavo.quantization import QuantizedWeights
from octavo.quantization.thresholds import Method

FLOAT32 = "float32"
WAYS = {
    "int8, per token, attention in float32": None,
    "int8, all products, per token": Inputs.DYNAMIC,
    "int8, all products, mixed": Inputs.MIXED,
    "int8, all products, static": Inputs.STATIC,
}


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a text."""
    return tuple(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))


def engines(model: ModelDirectory, calibration: Path, method: Method, threads: int) -> dict[str, Engine]:
    """An engine for each way, calibrated alike."""
    found = {FLOAT32: Engine(model, precision="float32", threads=threads)}
    text = NamedText(calibration.name, read_lines(calibration))
    calibrator = Calibrator(model, threads=threads)
    for name, inputs in WAYS.items():
        if inputs is None:
            quantized = QuantizedWeights(model).model()
        else:
            options = CalibrationOptions(
                method=method, coverage=Coverage.FULL, inputs=inputs, smooth=False, correct_biases=False
            )
            quantized = calibrator.calibrate(text, options).candidate.model(frozenset())
        found[name] = Engine(quantized, precision="int8", threads=threads)
    return found


def race(
    contestants: dict[str, Engine], sources: list[Any], options: SearchOptions, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[Any]]]:
    """Tokens per second of every round, and what each way translates; the first round does not count."""
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    outputs: dict[str, list[Any]] = {}
    names = list(contestants)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            found = contestants[name].translate(sources, options)
            seconds = time.perf_counter() - start
            outputs[name] = [hypotheses[0].tokens for hypotheses in found]
            if turn:
                speeds[name].append(sum(len(tokens) + 1 for tokens in outputs[name]) / seconds)
        print(f"round {turn} of {rounds}", file=sys.stderr)
    return speeds, outputs


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run = report["run"]
    lines = [
        "# Static against dynamic inputs",
        "",
        (
            f"{run['date']}: {run['model']}, {run['sentences']:,} sentences of {run['source']}, beam "
            f"{run['beam']}, {run['threads']} threads, {run['rounds']} interleaved rounds, ranges by "
            f"{run['method']}. {run['cpu']}, {run['isa']}; load average before: "
            f"{run['load_average_before']:.2f}."
        ),
        "",
        "| | tokens/s, median | its range | against float32 | against static | BLEU | change | p |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in report["ways"].items():
        low, high = row["range"]
        lines.append(
            f"| {name} | {row['tokens_per_second']:,.0f} | {low:,.0f} to {high:,.0f} | "
            f"{row['against_float32']:.2f} | {row['against_static']:.2f} | {row['bleu']:.2f} | "
            f"{row['change']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}] | {row['p_value']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Calibrate, race, score, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="float model directory")
    parser.add_argument("--calibrate", type=Path, required=True, help="calibration text")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--method", type=Method, choices=list(Method), default=Method.MSE)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("static-dynamic"), help="OUTPUT.json, OUTPUT.md")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    model = ModelDirectory.open(arguments.model)
    source_tokenizer, target_tokenizer = model.tokenizers()
    lines = read_lines(arguments.source)
    sources = [np.array(source_tokenizer.encode(line), np.int32) for line in lines]
    options = SearchOptions.from_defaults(model.search)
    contestants = engines(model, arguments.calibrate, arguments.method, arguments.threads)
    speeds, outputs = race(contestants, sources, options, arguments.rounds)
    texts = {
        name: [target_tokenizer.decode(tokens.tolist()) for tokens in found]
        for name, found in outputs.items()
    }
    bootstrap = PairedBootstrap(texts[FLOAT32], read_lines(arguments.reference))
    median = {name: statistics.median(found) for name, found in speeds.items()}
    report: dict[str, Any] = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "model": model.name,
            "source": arguments.source.name,
            "sentences": len(sources),
            "beam": options.beam,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "method": str(arguments.method),
            "load_average_before": load_before,
            "isa": cpu_report()["isa"],
        },
        "ways": {},
    }
    from octavo.machine import cpu_model

    report["run"]["cpu"] = cpu_model()
    for name, found in speeds.items():
        compared = bootstrap.compare(texts[name])
        report["ways"][name] = {
            "tokens_per_second": median[name],
            "range": [min(found), max(found)],
            "against_float32": median[name] / median[FLOAT32],
            "against_static": median[name] / median["int8, all products, static"],
            "bleu": compared.system,
            "change": compared.difference,
            "low": compared.low,
            "high": compared.high,
            "p_value": compared.p_value,
        }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

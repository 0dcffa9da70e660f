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
import functools
import json
import os
import sys
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
from octavo.race import Spread, paired_ratio, race, timed

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


Translated = tuple[float, list[Any]]
"""Tokens per second, and the token ids of the translations."""


def run_race(
    contestants: dict[str, Engine], sources: list[Any], options: SearchOptions, rounds: int
) -> dict[str, list[Translated]]:
    """What each way does in every round."""

    def translate(engine: Engine) -> Translated:
        seconds, found = timed(lambda: engine.translate(sources, options))
        outputs = [hypotheses[0].tokens for hypotheses in found]
        return sum(len(tokens) + 1 for tokens in outputs) / seconds, outputs

    def said(name: str, turn: int, _found: Translated) -> None:
        print(f"round {turn} of {rounds}: {name}", file=sys.stderr)

    runs = {name: functools.partial(translate, engine) for name, engine in contestants.items()}
    return race(runs, rounds, advance=said)


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
    raced = run_race(contestants, sources, options, arguments.rounds)
    speeds = {name: [speed for speed, _ in found] for name, found in raced.items()}
    texts = {
        name: [target_tokenizer.decode(tokens.tolist()) for tokens in found]
        for name, found in ((name, rounds[-1][1]) for name, rounds in raced.items())
    }
    bootstrap = PairedBootstrap(texts[FLOAT32], read_lines(arguments.reference))
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
        compared, spread = bootstrap.compare(texts[name]), Spread.of(found)
        report["ways"][name] = {
            "tokens_per_second": spread.median,
            "range": [spread.low, spread.high],
            "against_float32": paired_ratio(found, speeds[FLOAT32]).median,
            "against_static": paired_ratio(found, speeds["int8, all products, static"]).median,
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

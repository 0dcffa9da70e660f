"""A translation model in every form it has, in one run: BLEU, chrF, speed, memory and size.

    python benchmarks/integer_table.py --softmax models/en-de --int8 src/octavo/models/en-de \
        --integer-float runs/integer/model --integer models/en-de-integer \
        --test test_2016_flickr.en test_2016_flickr.de --test test_2017_flickr.en test_2017_flickr.de

The rows: the softmax model in float32 and int8, the Integer Transformer in float32 (by PyTorch, so without
a speed, and only where it is given) and in integers. Speed is target tokens (with EOS) per second on the
first test set with the model's own search, rounds interleaved, the median of them; memory is the peak of a
process of its own; tensors are counted as the precision has them. Changes of BLEU are against the softmax
model in float32, with 95 % intervals by paired bootstrap. Let the machine rest while this runs. Writes
OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from octavo.artifact import ModelDirectory
from octavo.bench.measure import Range, measure
from octavo.bench.memory import peak_memory_bytes
from octavo.bench.subject import Subject
from octavo.bench.work import Work
from octavo.cli.machine import cpu_model
from octavo.engine import SearchOptions, cpu_report
from octavo.evaluation.quality import measure_quality
from octavo.evaluation.reference_engine import ReferenceEngine
from octavo.evaluation.significance import PairedBootstrap
from octavo.tensor_table import DType

SOFTMAX: Final = "softmax, float32"
INT8: Final = "softmax, int8"
INTEGER_FLOAT: Final = "Integer Transformer, float32"
INTEGER: Final = "Integer Transformer, integers"
BYTES: Final = {DType.F32: 4, DType.F16: 2, DType.I8: 1, DType.I16: 2, DType.I32: 4}
PRECISIONS: Final = {SOFTMAX: "float32", INT8: "int8", INTEGER: "integer"}


@dataclasses.dataclass(frozen=True, slots=True)
class TestSet:
    """Sentences and their translations."""

    name: str
    source: tuple[str, ...]
    reference: tuple[str, ...]

    @classmethod
    def read(cls, source: Path, reference: Path) -> TestSet:
        """Line by line."""
        return cls(source.stem, read_lines(source), read_lines(reference))


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a text."""
    return tuple(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))


def translate(row: str, model: ModelDirectory, lines: Sequence[str], threads: int) -> list[str]:
    """The model's own search; a lone sentence a line."""
    _, target = model.tokenizers()
    sources = Subject(model.path).encode(lines)
    assert len(sources) == len(lines), "a test set has no empty lines"
    options = SearchOptions.from_defaults(model.search)
    if row == INTEGER_FLOAT:
        found = ReferenceEngine(model, threads=threads).translate(sources, options)
    else:
        with_precision: Any = PRECISIONS[row]
        found = Subject(model.path).engine(with_precision, threads).translate(sources, options)
    return [target.decode(hypotheses[0].tokens.tolist()) for hypotheses in found]


def quality(models: dict[str, ModelDirectory], tests: Sequence[TestSet], threads: int) -> dict[str, Any]:
    """For every row and test set BLEU, its change, chrF."""
    found: dict[str, Any] = {row: {} for row in models}
    for test in tests:
        outputs = {row: translate(row, model, test.source, threads) for row, model in models.items()}
        bootstrap = PairedBootstrap(outputs[SOFTMAX], test.reference)
        for row, texts in outputs.items():
            compared = bootstrap.compare(texts)
            found[row][test.name] = {
                "bleu": compared.system,
                "change": compared.difference,
                "low": compared.low,
                "high": compared.high,
                "p_value": compared.p_value,
                "chrf": measure_quality(texts, test.reference).chrf,
            }
            print(f"{test.name}: {row}", file=sys.stderr)
    return found


def speed_and_memory(
    models: dict[str, ModelDirectory], lines: Sequence[str], threads: int, rounds: int
) -> dict[str, Any]:
    """Tokens per second of interleaved rounds, peak memory, bytes of the tensors' file."""
    subjects = {row: Subject(models[row].path) for row in models if row in PRECISIONS}
    precisions: dict[str, Any] = PRECISIONS
    works = {
        row: Work(subject.encode(lines), SearchOptions.from_defaults(subject.search))
        for row, subject in subjects.items()
    }
    assert len({str(work.options) for work in works.values()}) == 1, "one search for all"
    engines = {row: subject.engine(precisions[row], threads) for row, subject in subjects.items()}
    passes = measure(engines, works[SOFTMAX], rounds=rounds)
    return {
        row: {
            "tokens_per_second": dataclasses.asdict(Range.of([p.tokens_per_second for p in passes[row]])),
            "peak_bytes": peak_memory_bytes(subject, precisions[row], threads, works[row]),
            "tensor_bytes": tensor_bytes(models[row], row),
        }
        for row, subject in subjects.items()
    }


def tensor_bytes(model: ModelDirectory, row: str) -> int:
    """As stored; a float model's in float32."""
    types = model.stored_types()
    return sum(
        math.prod(spec.shape) * (4 if PRECISIONS[row] == "float32" else BYTES[types[spec.name]])
        for spec in model.tensor_specs()
    )


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run, rows = report["run"], report["rows"]
    names = run["tests"]
    lines = [
        f"# {run['name']}: every form",
        "",
        (
            f"{run['date']}: beam {run['beam']}, {run['threads']} threads, {run['rounds']} interleaved "
            f"rounds on {names[0]}. {run['cpu']}, {run['isa']}; load average before: "
            f"{run['load_average_before']:.2f}. "
            "BLEU and chrF; change of BLEU against the first row, 95 % interval, p."
        ),
        "",
        "| | " + " | ".join(names) + " | tokens/s | against float32 | peak MiB | tensors MB |",
        "| --- | " + "--- | " * len(names) + "---: | ---: | ---: | ---: |",
    ]
    for row, values in rows.items():
        cells = []
        for name in names:
            q = values["quality"][name]
            change = f"; {q['change']:+.2f} [{q['low']:+.2f}, {q['high']:+.2f}], {q['p_value']:.3f}"
            cells.append(f"{q['bleu']:.2f}, {q['chrf']:.2f}{'' if row == SOFTMAX else change}")
        if "tokens_per_second" in values:
            speed = values["tokens_per_second"]
            ratio = speed["median"] / rows[SOFTMAX]["tokens_per_second"]["median"]
            cells += [f"{speed['median']:,.0f} ({speed['low']:,.0f} to {speed['high']:,.0f})", f"{ratio:.2f}"]
            cells += [f"{values['peak_bytes'] / 2**20:.0f}", f"{values['tensor_bytes'] / 1e6:.2f}"]
        else:
            cells += ["", "", "", ""]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Race, translate, score, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--softmax", type=Path, required=True, help="float model directory")
    parser.add_argument("--int8", type=Path, help="the same in int8")
    parser.add_argument("--integer-float", type=Path, help="float Integer Transformer (needs PyTorch)")
    parser.add_argument("--integer", type=Path, required=True, help="the same in integers")
    parser.add_argument("--test", type=Path, nargs=2, action="append", required=True, metavar=("SRC", "REF"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("integer-table"), help="OUTPUT.json, OUTPUT.md")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    paths = {
        SOFTMAX: arguments.softmax,
        INT8: arguments.int8,
        INTEGER_FLOAT: arguments.integer_float,
        INTEGER: arguments.integer,
    }
    models = {row: ModelDirectory.open(path) for row, path in paths.items() if path}
    tests = [TestSet.read(*pair) for pair in arguments.test]
    measured = speed_and_memory(models, tests[0].source, arguments.threads, arguments.rounds)
    scored = quality(models, tests, arguments.threads)
    report = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "name": models[SOFTMAX].name,
            "tests": [test.name for test in tests],
            "beam": models[SOFTMAX].search.beam,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "load_average_before": load_before,
            "cpu": cpu_model(),
            "isa": cpu_report()["isa"],
        },
        "rows": {row: {**measured.get(row, {}), "quality": scored[row]} for row in models},
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

"""A translation model in every form it has, in one run: BLEU, chrF, speed, memory and size.

    python benchmarks/integer_table.py --softmax runs/softmax/model --int8 softmax-int8 \
        --integer-float runs/integer/model --integer models/en-de-integer [--dynamic] \
        --test test_2016_flickr.en test_2016_flickr.de --test test_2017_flickr.en test_2017_flickr.de

The rows: the softmax model in float32 and int8; the Integer Transformer in float32 (by PyTorch, so without a
speed, and only where it is given), in integers, and in the paper's dynamic form (by numpy: translations
only). Speed is target tokens (with EOS) per second on the first test set with the model's own search, rounds
interleaved, the median of them; memory is the peak of a process of its own; tensors are counted as the
precision has them. Changes of BLEU are against the softmax model in float32, with 95 % intervals by paired
bootstrap. Speed comes last; let the machine rest then. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from integer_rows import (
    DYNAMIC,
    INTEGER_FLOAT,
    PRECISIONS,
    SOFTMAX,
    add_arguments,
    conditions,
    cost_cells,
    facts,
    open_models,
    rest,
    tensor_bytes,
    write,
)

from octavo.artifact import ModelDirectory
from octavo.bench.measure import measure
from octavo.bench.memory import peak_memory_bytes
from octavo.bench.subject import Subject
from octavo.bench.work import Work
from octavo.engine import SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.evaluation.quality import measure_quality
from octavo.evaluation.reference_engine import ReferenceEngine
from octavo.evaluation.significance import Comparison, PairedBootstrap
from octavo.race import Spread, paired_ratio


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


def bleu(compared: Comparison) -> dict[str, float]:
    """A score and its change, as reports have them."""
    return {
        "bleu": compared.system,
        "change": compared.difference,
        "low": compared.low,
        "high": compared.high,
        "p_value": compared.p_value,
    }


def change_cell(quality: dict[str, float]) -> str:
    """The change of a score, its interval and p, for people."""
    change, low, high = (quality[key] for key in ("change", "low", "high"))
    return f"{change:+.2f} [{low:+.2f}, {high:+.2f}], {quality['p_value']:.3f}"


def translate(row: str, model: ModelDirectory, lines: Sequence[str], threads: int) -> list[str]:
    """The model's own search; a lone sentence a line."""
    _, target = model.tokenizers()
    sources = Subject(model.path).encode(lines)
    assert len(sources) == len(lines), "a test set has no empty lines"
    if row == DYNAMIC:
        return [target.decode(list(ids)) for ids in translate_dynamic(model, sources)]
    options = SearchOptions.from_defaults(model.search)
    if row == INTEGER_FLOAT:
        found = ReferenceEngine(model, threads=threads).translate(sources, options)
    else:
        found = Subject(model.path).engine(PRECISIONS[row], threads).translate(sources, options)
    return [target.decode(hypotheses[0].tokens.tolist()) for hypotheses in found]


def translate_dynamic(model: ModelDirectory, sources: Sequence[TokenIds]) -> list[tuple[int, ...]]:
    """By the paper's form in numpy, with the reference's search."""
    from integer_ablation import dynamic_form
    from integer_ablation_search import translate
    from integer_dynamic import DynamicForm

    ids = [source.tolist() for source in sources]
    return translate(dynamic_form(model, DynamicForm()), model, ids, model.search.beam)


def quality(models: dict[str, ModelDirectory], tests: Sequence[TestSet], threads: int) -> dict[str, Any]:
    """For every row and test set BLEU, its change, chrF."""
    found: dict[str, Any] = {row: {} for row in models}
    for test in tests:
        outputs = {row: translate(row, model, test.source, threads) for row, model in models.items()}
        bootstrap = PairedBootstrap(outputs[SOFTMAX], test.reference)
        for row, texts in outputs.items():
            compared = bleu(bootstrap.compare(texts))
            found[row][test.name] = {**compared, "chrf": measure_quality(texts, test.reference).chrf}
            print(f"{test.name}: {row}", file=sys.stderr)
    return found


def works(models: dict[str, ModelDirectory], lines: Sequence[str]) -> dict[str, Work]:
    """The same work for every row that the engine runs. Exits where their vocabularies or searches differ."""
    found = {}
    for row in (row for row in models if row in PRECISIONS):
        subject = Subject(models[row].path)
        found[row] = Work(subject.encode(lines), SearchOptions.from_defaults(subject.search))
        first = found[SOFTMAX]
        if not all(map(np.array_equal, found[row].sources, first.sources)):
            sys.exit(f"{models[row].path}: segments the test set otherwise than {models[SOFTMAX].path}")
        if str(found[row].options) != str(first.options):
            sys.exit(f"{models[row].path}: is searched otherwise than {models[SOFTMAX].path}")
    return found


def speed_and_memory(
    models: dict[str, ModelDirectory], work: dict[str, Work], threads: int, rounds: int
) -> dict[str, Any]:
    """Tokens per second of interleaved rounds, peak memory, bytes of the tensors' file."""
    subjects = {row: Subject(models[row].path) for row in work}
    engines = {row: subject.engine(PRECISIONS[row], threads) for row, subject in subjects.items()}
    passes = measure(engines, work[SOFTMAX], rounds=rounds)
    speeds = {row: [done.tokens_per_second for done in found] for row, found in passes.items()}
    return {
        row: {
            "tokens_per_second": dataclasses.asdict(Spread.of(speeds[row])),
            "against_float32": paired_ratio(speeds[row], speeds[SOFTMAX]).median,
            "peak_bytes": peak_memory_bytes(subject, PRECISIONS[row], threads, work[row]),
            "tensor_bytes": tensor_bytes(models[row], row),
        }
        for row, subject in subjects.items()
    }


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run, rows = report["run"], report["rows"]
    names = run["tests"]
    lines = [
        f"# {run['name']}: every form",
        "",
        (
            f"{run['date']}. BLEU and chrF, beam {run['beam']}; change of BLEU against the first row, 95 % "
            f"interval, p. Speed on {names[0]}: {conditions(run)}"
        ),
        "",
        "| | " + " | ".join(names) + " | tokens/s | against float32 | peak MiB | tensors MB |",
        "| --- | " + "--- | " * len(names) + "---: | ---: | ---: | ---: |",
    ]
    for row, values in rows.items():
        cells = []
        for name in names:
            q = values["quality"][name]
            change = "" if row == SOFTMAX else f"; {change_cell(q)}"
            cells.append(f"{q['bleu']:.2f}, {q['chrf']:.2f}{change}")
        cells += cost_cells(values)
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Race, translate, score, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add_arguments(parser, "integer-table")
    parser.add_argument("--test", type=Path, nargs=2, action="append", required=True, metavar=("SRC", "REF"))
    arguments = parser.parse_args()
    models = open_models(arguments, language_models=False)
    tests = [TestSet.read(*pair) for pair in arguments.test]
    work = works(models, tests[0].source)
    run = facts(arguments, models)
    run |= {"tests": [test.name for test in tests], "beam": models[SOFTMAX].search.beam, "idle_before": None}
    rows = {row: {"quality": values} for row, values in quality(models, tests, arguments.threads).items()}
    report = {"run": run, "rows": rows}
    write(arguments.output, report, markdown(report))
    run["idle_before"] = rest(arguments.rest)
    for row, values in speed_and_memory(models, work, arguments.threads, arguments.rounds).items():
        rows[row] |= values
    write(arguments.output, report, markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()

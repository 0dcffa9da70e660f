"""A language model in every form it has, in one run: perplexity, speed, memory and size.

    python benchmarks/integer_perplexity.py --softmax runs/wikitext2-small/model --int8 my-int8 \
        --integer-float runs/wikitext2-small-integer/model --integer my-integers [--dynamic] \
        --text wikitext2.test.txt

The rows are those of ``integer_table``. Windows of --context tokens move on by --stride; the change of
perplexity is against the softmax model in float32, its 95 % interval over windows. Speed is scored tokens per
second on the first --timed windows, rounds interleaved, the median of them; memory is the peak of a process
of its own. Speed comes last; let the machine rest then. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from integer_rows import (
    DYNAMIC,
    INTEGER_FLOAT,
    PRECISIONS,
    SOFTMAX,
    add_arguments,
    cost_cells,
    open_models,
    rest,
    run_facts,
    tensor_bytes,
)

from octavo.artifact import ModelDirectory
from octavo.bench.measure import Range
from octavo.bench.resident import forget_peak, peak_resident_bytes
from octavo.engine import Engine
from octavo.evaluation.perplexity import ReferenceScoringEngine, ScoringEngine, measure_perplexity
from octavo.quantization.integer import DynamicArithmetic, ForwardPass
from octavo.text.stream import Perplexity, TokenIds, TokenStream


class DynamicScoringEngine:
    """The paper's form, in numpy."""

    precision: Final = "dynamic integers"
    threads: Final = 1

    def __init__(self, model: ModelDirectory) -> None:
        self._forward = ForwardPass(model.config, DynamicArithmetic(model))

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> list[list[float]]:
        """As ``octavo.evaluation.perplexity.ScoringEngine`` says."""
        return [self._score(sequence, count) for sequence, count in zip(sequences, counts, strict=True)]

    def _score(self, sequence: TokenIds, count: int) -> list[float]:
        fed = sequence[None, :-1]
        logits = self._forward.logits(fed, fed).dequantize()[0, -count:]
        logits -= logits.max(axis=-1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return [float(row[token]) for row, token in zip(log_p, sequence[-count:], strict=True)]

    def close(self) -> None:
        """Nothing is held."""


class RecordingEngine:
    """Remembers the log-likelihood of every window."""

    def __init__(self, engine: ScoringEngine) -> None:
        self._engine = engine
        self.windows: list[float] = []

    @property
    def precision(self) -> str:
        """The engine's."""
        return self._engine.precision

    @property
    def threads(self) -> int:
        """The engine's."""
        return self._engine.threads

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> Sequence[Iterable[float]]:
        """The engine's scores."""
        scores = self._engine.score_last(sequences, counts)
        self.windows += [math.fsum(map(float, row)) for row in scores]
        return scores

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


def scoring_engine(row: str, model: ModelDirectory, threads: int) -> ScoringEngine:
    """What computes the row."""
    if row == DYNAMIC:
        return DynamicScoringEngine(model)
    if row == INTEGER_FLOAT:
        return ReferenceScoringEngine(model, threads=threads)
    return Engine(model, precision=PRECISIONS[row], threads=threads)


def score(
    row: str, model: ModelDirectory, stream: TokenStream, arguments: argparse.Namespace
) -> tuple[Perplexity, np.ndarray]:
    """The perplexity of the text, and the log-likelihood of every window."""
    engine = RecordingEngine(scoring_engine(row, model, arguments.threads))

    def advance(done: int) -> None:
        print(f"\r{row}: {done:,} of {len(stream.tokens):,} tokens", end="", file=sys.stderr)

    found = measure_perplexity(
        engine, model.config, stream, context=arguments.context, stride=arguments.stride, advance=advance
    )
    print(file=sys.stderr)
    engine.close()
    return found, np.array(engine.windows)


def figures(found: Perplexity, windows: np.ndarray, baseline: np.ndarray) -> dict[str, Any]:
    """Perplexities, and their change with half its 95 % interval, windows being drawn independently."""
    change = -(windows - baseline)
    loss = change.sum() / found.tokens
    half = 1.96 * math.sqrt(len(change)) * change.std(ddof=1) / found.tokens
    return {
        "per_word": found.per_word,
        "per_token": found.per_token,
        "bits_per_character": found.bits_per_character,
        "change": [math.expm1(x * found.tokens / found.words) for x in (loss, loss - half, loss + half)],
    }


def timed_work(
    model: ModelDirectory, stream: TokenStream, arguments: argparse.Namespace
) -> tuple[list[TokenIds], list[int]]:
    """The first windows that score a whole stride, and how many tokens each scores."""
    tokens = np.concatenate([np.array([model.config.decoder_start_id], np.int32), stream.tokens])
    starts = range(0, len(tokens) - arguments.context - 1, arguments.stride)[: arguments.timed]
    spans = [tokens[start : start + arguments.context + 1] for start in starts]
    return spans, [arguments.stride] * len(spans)


def seconds(engine: ScoringEngine, work: tuple[list[TokenIds], list[int]]) -> float:
    """Of the work, done once."""
    start = time.perf_counter()
    engine.score_last(*work)
    return time.perf_counter() - start


def peak_bytes(row: str, path: Path, threads: int, work: tuple[list[TokenIds], list[int]]) -> int:
    """Largest resident set of this process while it loads the model and does the work."""
    engine = Engine(ModelDirectory.open(path), precision=PRECISIONS[row], threads=threads)
    forget_peak()
    engine.score_last(*work)
    return peak_resident_bytes()


def speed_and_memory(
    models: dict[str, ModelDirectory], stream: TokenStream, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Scored tokens per second of interleaved rounds, peak memory, bytes of the tensors."""
    rows = {row: model for row, model in models.items() if row in PRECISIONS}
    work = timed_work(models[SOFTMAX], stream, arguments)
    if not work[0]:
        raise SystemExit(f"the text is shorter than a window of {arguments.context} tokens")
    engines = {row: scoring_engine(row, model, arguments.threads) for row, model in rows.items()}
    for engine in engines.values():
        seconds(engine, work)
    times = [{row: seconds(engines[row], work) for row in rows} for _ in range(arguments.rounds)]
    measured = {}
    for row, model in rows.items():
        speeds = [sum(work[1]) / of_round[row] for of_round in times]
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            peak = process.submit(peak_bytes, row, model.path, arguments.threads, work).result()
        measured[row] = {
            "tokens_per_second": dataclasses.asdict(Range.of(speeds)),
            "peak_bytes": peak,
            "tensor_bytes": tensor_bytes(model, row),
        }
    return measured


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run, rows = report["run"], report["rows"]
    conditions = (
        f"{run['date']}: {run['text']}, {run['tokens']:,} tokens, {run['words']:,} words, context "
        f"{run['context']}, stride {run['stride']}. Change of perplexity per word against the first row, "
        f"95 % interval. Speed: scored tokens, {run['timed']} windows, {run['threads']} threads, "
        f"{run['rounds']} interleaved rounds. {run['cpu']}, {run['isa']}; load average before: "
        f"{run['load_average_before']:.2f}."
    )
    columns = ("perplexity per word", "change", "per token", "bits per character")
    costs = ("tokens/s", "against float32", "peak MiB", "tensors MB")
    lines = [
        f"# {run['name']}: every form",
        "",
        conditions,
        "",
        "| | " + " | ".join(columns + costs) + " |",
        "| --- |" + " ---: |" * len(columns + costs),
    ]
    for row, values in rows.items():
        change = "" if row == SOFTMAX else "{:+.2%} [{:+.2%}, {:+.2%}]".format(*values["change"])
        cells = [
            f"{values['per_word']:.2f}",
            change,
            f"{values['per_token']:.3f}",
            f"{values['bits_per_character']:.4f}",
            *cost_cells(values, rows[SOFTMAX]),
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Score, race, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add_arguments(parser, "integer-perplexity")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--stride", type=int, default=128)
    parser.add_argument("--timed", type=int, default=200, help="windows to measure the speed on")
    arguments = parser.parse_args()
    models = open_models(arguments)
    lines = arguments.text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    first = models[SOFTMAX]
    stream = TokenStream.encode(lines, first.tokenizers()[0], first.config.eos_id)
    scored = {row: score(row, model, stream, arguments) for row, model in models.items()}
    baseline = scored[SOFTMAX][1]
    rest(arguments)
    run = run_facts(arguments, first)
    measured = speed_and_memory(models, stream, arguments)
    report = {
        "run": {
            **run,
            "text": arguments.text.name,
            "tokens": len(stream.tokens),
            "words": stream.words,
            "context": arguments.context,
            "stride": arguments.stride,
            "timed": arguments.timed,
        },
        "rows": {row: {**figures(*scored[row], baseline), **measured.get(row, {})} for row in models},
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

"""A language model in every form it has, in one run: perplexity, speed, memory and size.

    python benchmarks/integer_perplexity.py --softmax runs/wikitext2-small/model --int8 my-int8 \
        --integer-float runs/wikitext2-small-integer/model --integer my-integers [--dynamic] \
        --text wikitext2.test.txt

The rows are those of ``integer_table``. Windows of --context tokens move on by --stride; changes of
perplexity are against the softmax model in float32 and against the Integer Transformer in float32, their 95 %
intervals over stretches of 32 windows. Speed is scored tokens per second on the first --timed windows, rounds
interleaved, the median of them; memory is the peak of a process of its own. Speed comes last; let the machine
rest then. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import math
import multiprocessing
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from integer_dynamic import DynamicArithmetic
from integer_rows import (
    DYNAMIC,
    INTEGER,
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
from octavo.bench.resident import forget_peak, peak_resident_bytes
from octavo.engine import Engine
from octavo.evaluation.perplexity import ReferenceScoringEngine, ScoringEngine, measure_perplexity
from octavo.integer import ForwardPass
from octavo.race import Spread, paired_ratio, race, timed
from octavo.text.stream import Perplexity, TokenIds, TokenStream

NUMPY_BATCH: Final = 16
STRETCH: Final = 32
"""Windows that an interval takes together."""


class DynamicScoringEngine:
    """The paper's form, in numpy."""

    precision: Final = "dynamic integers"
    threads: Final = 1

    def __init__(self, model: ModelDirectory) -> None:
        self._forward = ForwardPass(model.config, DynamicArithmetic(model))

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> list[list[float]]:
        """As ``octavo.evaluation.perplexity.ScoringEngine`` says; windows of one length are one batch."""
        found: list[list[float]] = []
        pairs = zip(sequences, counts, strict=True)
        for _, of_one_length in itertools.groupby(pairs, key=lambda pair: len(pair[0])):
            group = list(of_one_length)
            for first in range(0, len(group), NUMPY_BATCH):
                batch = group[first : first + NUMPY_BATCH]
                found += self._score([sequence for sequence, _ in batch], [count for _, count in batch])
        return found

    def _score(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> list[list[float]]:
        tokens = np.stack(sequences)
        logits = self._forward.logits(tokens[:, :-1], tokens[:, :-1]).dequantize()
        logits -= logits.max(axis=-1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        of_tokens = np.take_along_axis(log_p, tokens[:, 1:, None], axis=-1)[..., 0]
        return [row[-count:].tolist() for row, count in zip(of_tokens, counts, strict=True)]

    def close(self) -> None:
        """Nothing is held."""


class RecordingEngine:
    """Remembers the log-likelihood of every window, and how many tokens it scores."""

    def __init__(self, engine: ScoringEngine) -> None:
        self._engine = engine
        self.windows: list[float] = []
        self.counts: list[int] = []

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
        self.counts += counts
        return scores

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


def scoring_engine(row: str, model: ModelDirectory, threads: int) -> ScoringEngine:
    """The engine that computes the row."""
    if row == DYNAMIC:
        return DynamicScoringEngine(model)
    if row == INTEGER_FLOAT:
        return ReferenceScoringEngine(model, threads=threads)
    return Engine(model, precision=PRECISIONS[row], threads=threads)


@dataclasses.dataclass(frozen=True)
class Scored:
    """The perplexity of a text; log-likelihoods [windows], and how many tokens each window scores."""

    perplexity: Perplexity
    windows: np.ndarray
    counts: np.ndarray


def score(row: str, model: ModelDirectory, stream: TokenStream, arguments: argparse.Namespace) -> Scored:
    """Score all of the text; the dynamic form scores its first windows."""
    if row == DYNAMIC:
        tokens = arguments.context + (arguments.dynamic_windows - 1) * arguments.stride
        stream = dataclasses.replace(stream, tokens=stream.tokens[:tokens])
    engine = RecordingEngine(scoring_engine(row, model, arguments.threads))

    def advance(done: int) -> None:
        print(f"\r{row}: {done:,} of {len(stream.tokens):,} tokens", end="", file=sys.stderr)

    found = measure_perplexity(
        engine, model.config, stream, context=arguments.context, stride=arguments.stride, advance=advance
    )
    print(file=sys.stderr)
    engine.close()
    return Scored(found, np.array(engine.windows), np.array(engine.counts))


def change(found: Scored, baseline: Scored) -> list[float]:
    """The relative change of perplexity per word and its 95 % interval, on the windows that both have scored.

    Windows that are near each other are not independent, so stretches of windows are drawn.
    """
    starts = np.arange(0, len(found.counts), STRETCH)
    losses = np.add.reduceat(baseline.windows[: len(found.windows)] - found.windows, starts)
    counts = np.add.reduceat(found.counts, starts)
    loss = losses.sum() / counts.sum()
    half = math.inf
    if (stretches := len(starts)) > 1:
        spread = ((losses - loss * counts) ** 2).sum() * stretches / (stretches - 1)
        half = 1.96 * math.sqrt(spread) / counts.sum()
    per_word = baseline.perplexity.tokens / baseline.perplexity.words
    return [math.expm1(x * per_word) if math.isfinite(x) else x for x in (loss, loss - half, loss + half)]


def figures(row: str, scored: dict[str, Scored]) -> dict[str, Any]:
    """Perplexities, of a row that has scored all of the text, and their changes."""
    found = scored[row]
    changes = {other: change(found, scored[other]) for other in (SOFTMAX, INTEGER_FLOAT) if other in scored}
    values: dict[str, Any] = {"scored_tokens": int(found.counts.sum()), "change": changes[SOFTMAX]}
    values["change_of_integers"] = changes.get(INTEGER_FLOAT)
    if row != DYNAMIC:
        perplexity = found.perplexity
        values |= {"per_word": perplexity.per_word, "per_token": perplexity.per_token}
        values["bits_per_character"] = perplexity.bits_per_character
    return values


def timed_work(
    model: ModelDirectory, stream: TokenStream, arguments: argparse.Namespace
) -> tuple[list[TokenIds], list[int]]:
    """The first windows that score a whole stride, and how many tokens each scores."""
    tokens = np.concatenate([np.array([model.config.decoder_start_id], np.int32), stream.tokens])
    starts = range(0, len(tokens) - arguments.context, arguments.stride)[: arguments.timed]
    spans = [tokens[start : start + arguments.context + 1] for start in starts]
    return spans, [arguments.stride] * len(spans)


def peak_bytes(row: str, path: Path, threads: int, work: tuple[list[TokenIds], list[int]]) -> int:
    """Largest resident set of this process, the model loaded, while it does the work."""
    engine = Engine(ModelDirectory.open(path), precision=PRECISIONS[row], threads=threads)
    forget_peak()
    engine.score_last(*work)
    return peak_resident_bytes()


def check_vocabularies(models: dict[str, ModelDirectory], lines: list[str], stream: TokenStream) -> None:
    """Exits where a model reads the text as other tokens than the first."""
    first = models[SOFTMAX]
    for model in models.values():
        own = TokenStream.encode(lines, model.tokenizers()[0], model.config.eos_id)
        same_start = model.config.decoder_start_id == first.config.decoder_start_id
        if not np.array_equal(own.tokens, stream.tokens) or not same_start:
            sys.exit(f"{model.path}: reads the text as other tokens than {first.path}")


def speed_and_memory(
    models: dict[str, ModelDirectory], work: tuple[list[TokenIds], list[int]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Scored tokens per second of interleaved rounds, peak memory, bytes of the tensors."""
    rows = {row: model for row, model in models.items() if row in PRECISIONS}
    engines = {row: scoring_engine(row, model, arguments.threads) for row, model in rows.items()}

    def tokens_per_second(engine: ScoringEngine) -> float:
        seconds, _ = timed(lambda: engine.score_last(*work))
        return sum(work[1]) / seconds

    runs = {row: functools.partial(tokens_per_second, engine) for row, engine in engines.items()}
    speeds = race(runs, arguments.rounds)
    measured = {}
    for row, model in rows.items():
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            peak = process.submit(peak_bytes, row, model.path, arguments.threads, work).result()
        measured[row] = {
            "tokens_per_second": dataclasses.asdict(Spread.of(speeds[row])),
            "against_float32": paired_ratio(speeds[row], speeds[SOFTMAX]).median,
            "peak_bytes": peak,
            "tensor_bytes": tensor_bytes(model, row),
        }
    return measured


def percent(change: list[float] | None) -> str:
    """A change and its interval."""
    return "" if change is None else "{:+.2%} [{:+.2%}, {:+.2%}]".format(*change)


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run, rows = report["run"], report["rows"]
    heading = (
        f"{run['date']}: {run['text']}, {run['tokens']:,} tokens, {run['words']:,} words, context "
        f"{run['context']}, stride {run['stride']}. Changes of perplexity per word, with 95 % intervals over "
        f"stretches of {STRETCH} windows. Speed: scored tokens, {run['timed']} windows, {conditions(run)}"
    )
    columns = (
        "perplexity per word",
        "against softmax",
        "against its float32",
        "per token",
        "bits per character",
    )
    costs = ("tokens/s", "against float32", "peak MiB", "tensors MB")
    lines = [
        f"# {run['name']}: every form",
        "",
        heading,
        "",
        "| | " + " | ".join(columns + costs) + " |",
        "| --- |" + " ---: |" * len(columns + costs),
    ]
    for row, values in rows.items():
        whole = "per_word" in values
        cells = [
            f"{values['per_word']:.2f}" if whole else f"(first {values['scored_tokens']:,} tokens)",
            "" if row == SOFTMAX else percent(values["change"]),
            percent(values["change_of_integers"]) if row in (INTEGER, DYNAMIC) else "",
            f"{values['per_token']:.3f}" if whole else "",
            f"{values['bits_per_character']:.4f}" if whole else "",
            *cost_cells(values),
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
    parser.add_argument("--dynamic-windows", type=int, default=200, help="first windows, for --dynamic")
    parser.add_argument("--timed", type=int, default=200, help="windows to measure the speed on")
    arguments = parser.parse_args()
    models = open_models(arguments, language_models=True)
    lines = arguments.text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    first = models[SOFTMAX]
    stream = TokenStream.encode(lines, first.tokenizers()[0], first.config.eos_id)
    check_vocabularies(models, lines, stream)
    work = timed_work(first, stream, arguments)
    if arguments.dynamic_windows < 1:
        sys.exit("--dynamic-windows must be at least 1")
    if not work[0]:
        sys.exit(f"--timed, --context: there is no window of {arguments.context} tokens to be timed")
    run = facts(arguments, models)
    run |= {"text": arguments.text.name, "tokens": len(stream.tokens), "words": stream.words}
    run |= {"context": arguments.context, "stride": arguments.stride, "timed": len(work[0])}
    run["idle_before"] = None
    scored = {row: score(row, model, stream, arguments) for row, model in models.items()}
    rows = {row: figures(row, scored) for row in scored}
    report = {"run": run, "rows": rows}
    write(arguments.output, report, markdown(report))
    run["idle_before"] = rest(arguments.rest)
    for row, values in speed_and_memory(models, work, arguments).items():
        rows[row] |= values
    write(arguments.output, report, markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()

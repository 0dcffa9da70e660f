"""Octavo beside the engines people use today: the same weights, the same tokens in, the same search.

    python benchmarks/peers.py --shape base --forced 25 --beam 4
    python benchmarks/peers.py --model models/en-de --int8 src/octavo/models/en-de --source newstest2014.en
    python benchmarks/peers.py --shape base --forced 25 --latency

Weights reach the others through `octavo export`. CTranslate2 runs in the best of several batch sizes and
thread layouts, found in a warm-up; Transformers runs generate() in float32 as it comes. Rounds are
interleaved and start with another contestant each time; figures are medians. Tokens are target tokens with
EOS; loading and tokenizing are left out. --latency translates one sentence at a time and reports the median
of their times. Let the machine rest meanwhile. Writes OUTPUT.json and OUTPUT.md; needs the extra `peers`.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from shapes import SHAPES, write_shape

from octavo.artifact import ModelDirectory
from octavo.calibration.build_plan import find_ranges
from octavo.calibration.collect import observe
from octavo.calibration.divergence import Pairs
from octavo.calibration.progress import Silent
from octavo.cli.machine import cpu_model
from octavo.conversion.to_huggingface import export
from octavo.engine import Engine, SearchOptions, cpu_report
from octavo.quantization import QuantizedWeights
from octavo.quantization.thresholds import Method

CT2_BATCHES = (16, 32, 64, 128)
TORCH_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Work:
    """What everybody does: token ids of each source without EOS, the beam, and the length if it is forced."""

    sources: list[np.ndarray]
    beam: int
    forced: int | None


Translate = Callable[[Work], int]
"""Translates all of it. Returns the target tokens made, EOS included."""


def octavo_contestant(engine: Engine, model: ModelDirectory) -> Translate:
    """Our engine with the model's own length rules, or a forced length."""

    def translate(work: Work) -> int:
        lengths = {"min_length": work.forced, "max_length": work.forced} if work.forced else {}
        options = SearchOptions.from_defaults(model.search, beam=work.beam, **lengths)
        found = engine.translate(work.sources, options)
        return sum(len(best[0].tokens) + best[0].complete for best in found)

    return translate


def int8_engine(model: ModelDirectory, int8: Path | None, threads: int) -> Engine:
    """The int8 model given, or all products static, calibrated on random tokens: good for speed alone."""
    if int8:
        return Engine(ModelDirectory.open(int8), precision="int8", threads=threads)
    rng = np.random.default_rng(1)
    size = (2, 8, 20)
    sources, targets = rng.integers(4, model.config.target_vocab_size, size).astype(np.int32)
    engine = Engine(model, precision="float32", threads=threads)
    seen = observe(engine, model.config, Pairs(tuple(sources), tuple(targets)), Silent())
    ranges = find_ranges(model.config, seen, Method.NAIVE, dynamic=False)
    return Engine(QuantizedWeights(model).model(ranges.plan(model.config, ())), threads=threads)


def pieces_of(huggingface: Path) -> list[str]:
    """The exported vocabulary in order of its ids."""
    ids = json.loads((huggingface / "vocab.json").read_text(encoding="utf-8"))
    return sorted(ids, key=ids.__getitem__)


def ctranslate2_contestants(
    huggingface: Path, folder: Path, compute_type: str, threads: int, *, latency: bool
) -> dict[str, Translate]:
    """CTranslate2 in every layout that may be its best."""
    import ctranslate2

    converted = folder / f"ct2-{compute_type}"
    command = ["ct2-transformers-converter", "--model", str(huggingface), "--output_dir", str(converted)]
    quantization = ["--quantization", "int8"] if compute_type == "int8" else []
    subprocess.run(
        [*command, *quantization], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pieces, found = pieces_of(huggingface), {}
    layouts = {(1, threads), (1, 1)} if latency else {(1, threads), (threads, 1)}
    for inter, intra in sorted(layouts):
        translator = ctranslate2.Translator(
            str(converted), compute_type=compute_type, inter_threads=inter, intra_threads=intra
        )
        for batch in (1,) if latency else CT2_BATCHES:
            name = f"CTranslate2 {compute_type} ({inter} x {intra} threads, batches of {batch})"
            found[name] = _ctranslate2(translator, pieces, batch)
    return found


def _ctranslate2(translator: Any, pieces: list[str], batch: int) -> Translate:
    def translate(work: Work) -> int:
        lengths = {"min_decoding_length": work.forced, "max_decoding_length": work.forced}
        tokens = [[pieces[i] for i in source] + ["</s>"] for source in work.sources]
        found = translator.translate_batch(
            tokens, beam_size=work.beam, max_batch_size=batch, **(lengths if work.forced else {})
        )
        end = 0 if work.forced else 1
        return sum(len(result.hypotheses[0]) + end for result in found)

    return translate


def transformers_contestant(huggingface: Path, threads: int, end_id: int, pad_id: int) -> Translate:
    """generate() in float32, batches sorted by length."""
    import torch
    from transformers import AutoModelForSeq2SeqLM

    torch.set_num_threads(threads)
    model = AutoModelForSeq2SeqLM.from_pretrained(huggingface).eval()

    def translate(work: Work) -> int:
        order = sorted(work.sources, key=len, reverse=True)
        lengths = {"min_new_tokens": work.forced, "max_new_tokens": work.forced} if work.forced else {}
        made = 0
        for batch in _batched(order):
            width = max(map(len, batch)) + 1
            rows = [[*source.tolist(), end_id] for source in batch]
            ids = torch.tensor([row + [pad_id] * (width - len(row)) for row in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
            with torch.inference_mode():
                out = model.generate(input_ids=ids, attention_mask=mask, num_beams=work.beam, **lengths)
            made += int((out[:, 1:] != model.config.pad_token_id).sum())
        return made

    return translate


def _batched(items: list[np.ndarray]) -> list[list[np.ndarray]]:
    return [items[i : i + TORCH_BATCH] for i in range(0, len(items), TORCH_BATCH)]


def timed(translate: Translate, work: Work) -> tuple[float, int]:
    """Seconds and tokens of one pass."""
    start = time.perf_counter()
    tokens = translate(work)
    return time.perf_counter() - start, tokens


def latencies(translate: Translate, work: Work) -> float:
    """The median seconds of a sentence on its own."""
    ones = (dataclasses.replace(work, sources=[source]) for source in work.sources)
    return statistics.median(timed(translate, one)[0] for one in ones)


def fastest(candidates: dict[str, Translate], work: Work) -> str:
    """The one that wins a warm-up."""
    seconds = {name: timed(translate, work)[0] for name, translate in candidates.items()}
    for name, taken in seconds.items():
        print(f"warm-up: {name}: {taken:.2f} s", file=sys.stderr)
    return min(seconds, key=seconds.__getitem__)


def contestants(
    arguments: argparse.Namespace, model: ModelDirectory, folder: Path, work: Work
) -> dict[str, Translate]:
    """Everybody who races, warmed up."""
    threads = arguments.threads
    huggingface = folder / "huggingface"
    export(model.path, huggingface)
    found = {
        "Octavo int8": octavo_contestant(int8_engine(model, arguments.int8, threads), model),
        "Octavo float32": octavo_contestant(Engine(model, precision="float32", threads=threads), model),
    }
    for compute_type in ("int8", "float32"):
        peers = ctranslate2_contestants(huggingface, folder, compute_type, threads, latency=arguments.latency)
        best = fastest(peers, work)
        found[best] = peers[best]
    if arguments.transformers:
        config = model.config
        found["Transformers generate() float32"] = transformers_contestant(
            huggingface, threads, config.eos_id, config.pad_id
        )
    for name, translate in found.items():
        print(f"warm-up: {name}: {timed(translate, work)[0]:.2f} s", file=sys.stderr)
    return found


def race(found: dict[str, Translate], work: Work, rounds: int, *, latency: bool) -> dict[str, list[float]]:
    """Tokens per second of each round, or the median seconds of a sentence."""
    figures: dict[str, list[float]] = {name: [] for name in found}
    names = list(found)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            if latency:
                figures[name].append(latencies(found[name], work))
            else:
                seconds, tokens = timed(found[name], work)
                figures[name].append(tokens / seconds)
            print(f"round {turn + 1}: {name}: {figures[name][-1]:,.4g}", file=sys.stderr)
    return figures


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run = report["run"]
    unit = "ms a sentence, median" if run["latency"] else "tokens/s, median"
    lines = [
        f"# Beside its peers: {run['model']}, beam {run['beam']}"
        + ", one sentence at a time" * run["latency"],
        "",
        (
            f"{run['date']}: {run['sentences']:,} sentences ({run['what']}), {run['threads']} threads, "
            f"{run['rounds']} interleaved rounds. {run['cpu']}, {run['isa']}; "
            f"{', '.join(f'{name} {version}' for name, version in run['versions'].items())}; load average "
            f"before: {run['load_average_before']:.2f}."
        ),
        "",
        f"| | {unit} | its range | Octavo int8 is so many times as fast |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in report["contestants"].items():
        scale = 1000 if run["latency"] else 1
        middle, low, high = (scale * row[key] for key in ("median", "low", "high"))
        digits = ".1f" if run["latency"] else ",.0f"
        lines.append(
            f"| {name} | {middle:{digits}} | {low:{digits}} to {high:{digits}} | {row['ratio']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--shape", choices=list(SHAPES), help="random weights of that shape")
    what.add_argument("--model", type=Path, help="float model directory")
    parser.add_argument(
        "--int8", type=Path, help="its int8 model; default: static, calibrated on random tokens"
    )
    parser.add_argument("--source", type=Path, help="text; default: random tokens")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--source-tokens", type=int, default=25, help="of a random source")
    parser.add_argument("--forced", type=int, help="target tokens, where the length is forced")
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--transformers", action="store_true", help="race generate() too; slow")
    parser.add_argument("--output", type=Path, default=Path("peers"), help="OUTPUT.json and OUTPUT.md")
    return parser.parse_args()


def sources_of(arguments: argparse.Namespace, model: ModelDirectory) -> list[np.ndarray]:
    """Token ids of the text, or random ones."""
    if arguments.source:
        tokenizer, _ = model.tokenizers()
        lines = arguments.source.read_text(encoding="utf-8").split("\n")[: arguments.sentences]
        return [np.array(ids, np.int32) for ids in map(tokenizer.encode, lines) if ids]
    rng = np.random.default_rng(0)
    size = arguments.source_tokens
    return [
        rng.integers(4, model.config.source_vocab_size, size).astype(np.int32)
        for _ in range(arguments.sentences)
    ]


def main() -> None:
    """Prepare, race, report."""
    arguments = parse_arguments()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        if arguments.shape:
            write_shape(arguments.shape, folder / "model")
        model = ModelDirectory.open(arguments.model or folder / "model")
        work = Work(sources_of(arguments, model), arguments.beam, arguments.forced)
        found = contestants(arguments, model, folder, work)
        figures = race(found, work, arguments.rounds, latency=arguments.latency)
    middle = {name: statistics.median(values) for name, values in figures.items()}
    ours = middle["Octavo int8"]
    versions = ("ctranslate2", "transformers", "torch")
    report: dict[str, Any] = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "model": model.name,
            "what": arguments.source.name
            if arguments.source
            else f"{arguments.source_tokens} random tokens each",
            "forced": arguments.forced,
            "sentences": len(work.sources),
            "beam": arguments.beam,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "latency": arguments.latency,
            "cpu": cpu_model(),
            "isa": cpu_report()["isa"],
            "versions": {name: importlib.metadata.version(name) for name in versions},
            "load_average_before": load_before,
        },
        "contestants": {
            name: {
                "median": middle[name],
                "low": min(values),
                "high": max(values),
                "ratio": middle[name] / ours if arguments.latency else ours / middle[name],
            }
            for name, values in figures.items()
        },
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

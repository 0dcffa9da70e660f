"""Octavo beside the engines people use today: the same weights, the same tokens in, the same search.

    python benchmarks/peers.py --shape base --forced 25 --beam 4
    python benchmarks/peers.py --shape base --forced 25 --beam 1 --latency --sentences 20
    python benchmarks/peers.py --model models/en-de --int8 src/octavo/models/en-de --source newstest2014.en
    python benchmarks/peers.py --shape base --forced 25 --isa avx2
    python benchmarks/peers.py --shape base --forced 25 --lengths newstest2014.en --sentences 3003 --memory

Every contestant reads a model directory of its own format, in a process of its own; weights reach the others
through `octavo export`. CTranslate2 runs in the best of several environments, thread layouts and batches,
found beforehand. Rounds are interleaved and start with another contestant each time; figures are medians.
Tokens are target tokens with EOS; loading and text are left out. A share of the peak counts the multiply-adds
of weight products against what the CPU does on registers alone, measured in the same run; it needs forced
lengths. Let the machine rest meanwhile. Writes OUTPUT.json, OUTPUT.md and OUTPUT.svg; needs the extra peers,
and for ONNX Runtime and OpenVINO an interpreter of another environment each (peers_optimum.py).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers_race import (
    AVX2,
    ENVIRONMENTS,
    GENERATE,
    Contestant,
    Worker,
    best_ctranslate2,
    best_threads,
    peak_memory,
    round_values,
    run_race,
    summary,
)
from peers_race import what_runs as what_ctranslate2_runs
from peers_report import markdown, plot
from shapes import write_shape

import octavo
from octavo.artifact import ModelDirectory
from octavo.bench.multiply_adds import multiply_adds
from octavo.bench.shapes import Shape, static_plan
from octavo.bench.subject import Subject
from octavo.bench.work import Work, forced_options, random_sources
from octavo.conversion.to_huggingface import export
from octavo.engine import SearchOptions, cpu_report, measure_peak
from octavo.machine import cpu_model, installed_versions
from octavo.quantization.model import quantize_tensors, write_quantized
from octavo.race import paired_ratio

TOKENS_A_WORD = 1.3
GENERATE_BATCH = {"batch": 32}
NAMES = (
    *("octavo-int8", "octavo-float32", "ctranslate2-int8", "ctranslate2-float32"),
    *("transformers-float32", "onnxruntime-int8", "onnxruntime-float32"),
    *("openvino-int8", "openvino-bfloat16", "openvino-float32"),
)
TITLES = {
    "octavo": "Octavo",
    "ctranslate2": "CTranslate2",
    "transformers": "Transformers generate()",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
OPTIMUM = ("onnxruntime", "openvino")
"""Kinds that run in an interpreter of their own."""


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--shape", type=Shape, choices=list(Shape), help="random weights of that shape")
    what.add_argument("--model", type=Path, help="float model directory")
    parser.add_argument("--int8", type=Path, help="its int8 model; default: static, from random tokens")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--source", type=Path, help="text; default: random tokens")
    text.add_argument(
        "--lengths",
        type=Path,
        help=f"text whose words, times {TOKENS_A_WORD}, are the lengths of random sources",
    )
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--source-tokens", type=int, default=25, help="of a random source")
    parser.add_argument("--forced", type=int, help="target tokens, where the length is forced")
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--tune-sentences", type=int, default=128, help="to find CTranslate2's best settings on"
    )
    parser.add_argument("--latency", action="store_true", help="one sentence at a time")
    parser.add_argument("--contestants", nargs="+", choices=NAMES, default=NAMES[:4], metavar="NAME")
    parser.add_argument("--isa", choices=["avx2"], help="hold every contestant to these instructions")
    parser.add_argument("--scaling", action="store_true", help="race Octavo's int8 on one thread too")
    parser.add_argument("--memory", action="store_true", help="peak memory of each, in a new process")
    parser.add_argument(
        "--onnxruntime-python", type=Path, metavar="PYTHON", help="interpreter that has optimum-onnx"
    )
    parser.add_argument(
        "--openvino-python", type=Path, metavar="PYTHON", help="interpreter that has optimum-intel"
    )
    parser.add_argument("--output", type=Path, default=Path("peers"), help="without its suffix")
    arguments = parser.parse_args()
    if min(arguments.sentences, arguments.rounds, arguments.threads, arguments.tune_sentences) < 1:
        parser.error("numbers must be at least 1")
    kinds = {name.rsplit("-", 1)[0] for name in arguments.contestants}
    for kind in kinds.intersection(OPTIMUM):
        if not getattr(arguments, f"{kind}_python"):
            parser.error(f"{TITLES[kind]} needs --{kind}-python; peers_optimum.py says what to install there")
    if arguments.isa and "openvino" in kinds:
        parser.error("OpenVINO cannot be held to fewer instructions: leave --isa or OpenVINO out")
    if arguments.shape and (arguments.source or not arguments.forced):
        parser.error("--shape needs --forced and takes no --source: random weights never end a sentence")
    return arguments


def work_of(arguments: argparse.Namespace, model: ModelDirectory) -> Work:
    """Sources, search and length."""
    config = model.config
    if arguments.source:
        lines = arguments.source.read_text(encoding="utf-8").split("\n")[: arguments.sentences]
        sources = Subject(model.path).encode(lines)
    else:
        lengths = [arguments.source_tokens] * arguments.sentences
        if arguments.lengths:
            lines = [
                line for line in arguments.lengths.read_text(encoding="utf-8").split("\n") if line.split()
            ]
            lengths = [math.ceil(TOKENS_A_WORD * len(line.split())) for line in lines][: arguments.sentences]
        sources = random_sources(config, lengths)
    if arguments.forced:
        options = forced_options(model.search, config, arguments.forced, beam=arguments.beam)
        return Work(sources, options, arguments.forced)
    return Work(sources, SearchOptions.from_defaults(model.search, beam=arguments.beam))


class Preparation:
    """Everything the contestants read, in one folder, each thing made when it is first needed."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self.folder = folder
        self._arguments = arguments
        if arguments.shape:
            write_shape(arguments.shape, folder / "float32")
        self.model = ModelDirectory.open(arguments.model or folder / "float32")
        self.work = work_of(arguments, self.model)
        self._made: set[Path] = set()

    def write_work(self) -> Path:
        """The work, for the workers."""
        config = self.model.config
        path = self.folder / "work.json"
        work = {
            "sources": [source.tolist() for source in self.work.sources],
            "beam": self.work.options.beam,
            "forced": self.work.forced,
            "end_id": config.eos_id,
            "pad_id": config.pad_id,
        }
        path.write_text(json.dumps(work), encoding="utf-8")
        return path

    def octavo(self, precision: str) -> Path:
        """Our model directory."""
        if precision == "float32":
            return self.model.path
        path = self.folder / "int8"
        if self._arguments.int8:
            return Path(self._arguments.int8)
        if self._first(path):
            write_quantized(path, self.model, quantize_tensors(self.model, static_plan(self.model)))
        return path

    def huggingface(self) -> Path:
        """What the others convert from."""
        path = self.folder / "huggingface"
        if self._first(path):
            export(self.model.path, path)
        return path

    def ctranslate2(self, precision: str) -> Path:
        """CTranslate2's directory."""
        path = self.folder / f"ctranslate2-{precision}"
        if self._first(path):
            tool = Path(sys.executable).parent / "ct2-transformers-converter"
            quantization = ["--quantization", "int8"] if precision == "int8" else []
            _quietly(tool, "--model", self.huggingface(), "--output_dir", path, *quantization)
        return path

    def optimum(self, kind: str, precision: str) -> Path:
        """Files of ONNX Runtime or OpenVINO; those of float32 become bfloat16 when they are loaded."""
        written = "int8" if precision == "int8" else "float32"
        path = self.folder / f"{kind}-{written}"
        if self._first(path):
            script = Path(__file__).resolve().parent / "peers_optimum.py"
            python = getattr(self._arguments, f"{kind}_python")
            _quietly(python, script, kind, self.huggingface(), path, "--precision", written)
        return path

    def _first(self, path: Path) -> bool:
        new = path not in self._made
        self._made.add(path)
        return new


def _quietly(*command: object) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")


def contestants(
    preparation: Preparation, arguments: argparse.Namespace
) -> tuple[list[Contestant], list[dict[str, Any]]]:
    """All contestants, and the settings that were tried for CTranslate2."""
    environment = AVX2 if arguments.isa else {}
    found: list[Contestant] = []
    tried: list[dict[str, Any]] = []
    work = str(preparation.write_work())
    for given in arguments.contestants:
        kind, precision = given.rsplit("-", 1)
        spec: dict[str, Any] = {"kind": kind, "precision": precision, "work": work}
        spec |= {"threads": arguments.threads}
        contestant = Contestant(TITLES[kind], precision, spec, environment=environment)
        if kind == "octavo":
            spec["model"] = str(preparation.octavo(precision))
            spec["streams"] = 1 if arguments.latency else 0
        elif kind == "ctranslate2":
            spec["model"] = str(preparation.ctranslate2(precision))
            spec["vocabulary"] = str(preparation.huggingface() / "vocab.json")
            contestant, more = best_ctranslate2(
                contestant,
                arguments.threads,
                min(arguments.tune_sentences, len(preparation.work.sources)),
                latency=arguments.latency,
                environments=[{}] if arguments.isa else ENVIRONMENTS,
            )
            tried += more
        else:
            python = sys.executable
            spec["model"] = str(preparation.huggingface())
            if kind in OPTIMUM:
                python = str(getattr(arguments, f"{kind}_python"))
                spec["model"] = str(preparation.optimum(kind, precision))
            contestant = dataclasses.replace(contestant, settings=GENERATE_BATCH, python=python)
            sentences = min(GENERATE_BATCH["batch"], len(preparation.work.sources))
            contestant, more = best_threads(
                contestant, arguments.threads, sentences, latency=arguments.latency
            )
            tried += more
        found.append(contestant)
        if arguments.scaling and given == "octavo-int8":
            found.append(dataclasses.replace(contestant, note="1 thread", spec=spec | {"threads": 1}))
    return found, tried


def share_of_peak(
    preparation: Preparation, contestant: Contestant, row: dict[str, Any], peak: Any, *, latency: bool
) -> float | None:
    """Multiply-adds of the work over the median time, as a share of the peak; None where not known."""
    work, config = preparation.work, preparation.model.config
    row_steps = work.row_steps([row["target_tokens"]]) if work.forced else None
    if row_steps is None or latency or contestant.precision == "bfloat16":
        return None  # no peak is measured in bfloat16
    plan = None
    if contestant.precision == "int8":
        plan = ModelDirectory.open(preparation.octavo("int8")).plan
    needed = multiply_adds(config, plan, source_tokens=work.source_tokens(config), row_steps=row_steps)
    at_peak = needed.seconds_at(peak)
    return at_peak / (row["target_tokens"] / row["median"]) if at_peak else None


def same_outputs(
    chosen: list[Contestant], outputs: list[list[list[int]]], forced: int | None
) -> dict[str, Any]:
    """How many translations of each contestant equal those of Octavo in its precision, bfloat16's in float32.

    generate() is left out where lengths are forced: it ends every translation with EOS.
    """
    found: dict[str, Any] = {}
    pairs = list(zip(chosen, outputs, strict=True))
    ours = {who.precision: made for who, made in pairs if who.name == "Octavo"}
    for who, made in pairs:
        ends_itself = forced is None or who.spec["kind"] not in GENERATE
        beside = "float32" if who.precision == "bfloat16" else who.precision
        if beside in ours and ends_itself and who.name != "Octavo":
            both = list(zip(ours[beside], made, strict=True))
            found[f"Octavo {beside} and {who.label}"] = {
                "same": sum(a == b for a, b in both),
                "of": len(both),
                "tokens_of_octavo": sum(len(a) + 1 for a, _ in both),
                "tokens_of_the_other": sum(len(b) + 1 for _, b in both),
            }
    return found


def run_report(arguments: argparse.Namespace, preparation: Preparation, load: float) -> dict[str, Any]:
    """What was run, where."""
    what = f"{arguments.source_tokens} random tokens each"
    if arguments.source or arguments.lengths:
        what = (
            arguments.source.name
            if arguments.source
            else f"random tokens, lengths of {arguments.lengths.name}"
        )
    packages = ("ctranslate2", "transformers", "torch")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "model": preparation.model.name,
        "what": what,
        "forced": arguments.forced,
        "sentences": len(preparation.work.sources),
        "source_tokens": preparation.work.source_tokens(preparation.model.config),
        "beam": arguments.beam,
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "latency": arguments.latency,
        "cpu": cpu_model(),
        "isa": arguments.isa or cpu_report()["isa"],
        "versions": {"octavo": octavo.__version__, **installed_versions(packages)},
        "load_average_before": load,
    }


def measure(preparation: Preparation, arguments: argparse.Namespace, load: float) -> dict[str, Any]:
    """Find settings, race, probe the peak, count."""
    latency = arguments.latency
    chosen, tried = contestants(preparation, arguments)
    isa = arguments.isa or cpu_report()["isa"]
    peaks = [measure_peak(isa, arguments.threads)]
    with contextlib.ExitStack() as stack:
        workers = [Worker(contestant) for contestant in chosen]
        for worker in workers:
            stack.callback(worker.close)
        said = {worker.contestant.label: worker.runs_on for worker in workers if worker.runs_on}
        answers = run_race(workers, arguments.rounds, latency=latency)
    peaks.append(measure_peak(isa, arguments.threads))
    peak = max(peaks, key=lambda found: found.int8)
    rows: dict[str, Any] = {}
    ours = round_values(answers[chosen[0].label], arguments.forced, latency=latency)
    for contestant in chosen:
        found = answers[contestant.label]
        row = summary(found, arguments.forced, latency=latency)
        values = round_values(found, arguments.forced, latency=latency)
        row["ratio"] = paired_ratio(*((values, ours) if latency else (ours, values))).median
        if not contestant.note:
            row["share_of_peak"] = share_of_peak(preparation, contestant, row, peak, latency=latency)
        row["peak_memory_bytes"] = peak_memory(contestant) if arguments.memory else None
        rows[contestant.label] = row
    outputs = [found[0].outputs for found in answers.values()]
    said |= {c.label: what_ctranslate2_runs(c) for c in chosen if c.name == "CTranslate2"}
    return {
        "run": run_report(arguments, preparation, load),
        "peak_multiply_adds_per_second": dataclasses.asdict(peak),
        "contestants": rows,
        "same_outputs": same_outputs(chosen, outputs, arguments.forced),
        "what_runs": said,
        "tried": tried,
    }


def main() -> None:
    """Prepare, race, report."""
    arguments = parse_arguments()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Preparation(Path(folder), arguments), arguments, load_before)
    output = arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{output}.md").write_text(markdown(report), encoding="utf-8")
    plot(report, Path(f"{output}.svg"))
    print(markdown(report))


if __name__ == "__main__":
    main()

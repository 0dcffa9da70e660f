"""The PyTorch reference, our float32 and our int8, side by side in one run: speed, memory, size.

    python benchmarks/side_by_side.py --source test_2016_flickr.en --output side-by-side

All three translate the same sentences with the same search, from text to text. Rounds are interleaved
and start with another contestant each time, so that a slow moment of the machine hits all alike. Speed
is target tokens (with EOS) per second, loading left out; medians of the rounds, with their range. How many
times as fast one is as another is the median of the rounds' ratios. PyTorch runs in the batch size that was
fastest for it in the warm-up. Let the machine rest while this runs.

Writes OUTPUT.json and OUTPUT.md. Needs PyTorch: pip install 'octavo[train]'.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import functools
import itertools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octavo.artifact import ModelDirectory
    from octavo.translation import Translator

# Nothing heavy is imported up here: a process started by a large one would count its parent's memory.

ROOT = Path(__file__).resolve().parents[1]
PYTORCH, FLOAT32, INT8 = "PyTorch float32", "Octavo float32", "Octavo int8"


@dataclasses.dataclass
class Contestant:
    """One way to translate, and what it did in each counted round."""

    name: str
    translator: Translator
    texts: list[str] = dataclasses.field(default_factory=list)
    target_tokens: int = 0
    seconds: list[float] = dataclasses.field(default_factory=list)

    def run(self, sources: list[str], beam: int) -> float:
        """Translate all sources once. Returns the seconds it took."""
        from octavo.evaluation.speed import translate_timed

        timed = translate_timed(self.translator, sources, beam=beam)
        self.texts = [translation.text for translation in timed.translations]
        self.target_tokens = timed.target_tokens
        return timed.seconds

    def summary(self) -> dict[str, Any]:
        """Median speed of the rounds, its range, and the rounds themselves."""
        from octavo.race import Spread

        speed = Spread.of(self.speeds())
        return {
            "target_tokens": self.target_tokens,
            "seconds": self.seconds,
            "tokens_per_second": speed.median,
            "slowest": speed.low,
            "fastest": speed.high,
            "sentences_per_second": len(self.texts) / Spread.of(self.seconds).median,
        }

    def speeds(self) -> list[float]:
        """Target tokens per second of every round."""
        return [self.target_tokens / seconds for seconds in self.seconds]

    def times_as_fast_as(self, other: Contestant) -> float:
        """The median of the rounds' ratios of speed."""
        from octavo.race import paired_ratio

        return paired_ratio(self.speeds(), other.speeds()).median


def peak_memory_bytes(model: Path, precision: str, source: Path, threads: int, beam: int) -> int:
    """Largest resident set of an ``octavo translate`` of the file, in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        options = ["--precision", precision, "--threads", str(threads), "--beam", str(beam)]
        files = ["-i", str(source), "-o", str(Path(directory) / "out")]
        command = [sys.executable, "-m", "octavo", "translate", "-m", str(model), *options, *files]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure_memory(models: dict[str, Path], sentences: list[str], threads: int, beam: int) -> dict[str, int]:
    """Peak memory of a translate run over the sentences, for both precisions."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "source"
        source.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
        return {
            name: peak_memory_bytes(models[name], precision, source, threads, beam)
            for name, precision in ((FLOAT32, "float32"), (INT8, "int8"))
        }


def pytorch_translator(model: ModelDirectory, threads: int, batch_sentences: int) -> Translator:
    """The reference's batched beam search behind the Translator."""
    from octavo.evaluation.reference_engine import ReferenceEngine
    from octavo.translation import Translator

    return Translator(model, ReferenceEngine(model, threads=threads, batch_sentences=batch_sentences))


def best_pytorch(
    model: ModelDirectory, sources: list[str], arguments: argparse.Namespace
) -> tuple[Contestant, dict[int, float]]:
    """PyTorch in its fastest batch size, and the seconds of each size that was tried."""
    tried: dict[int, float] = {}
    contestants: dict[int, Contestant] = {}
    for size in arguments.pytorch_batches:
        contestants[size] = Contestant(PYTORCH, pytorch_translator(model, arguments.threads, size))
        tried[size] = contestants[size].run(sources, arguments.beam)
        print(f"warm-up: {PYTORCH}, {size} sentences a batch: {tried[size]:.2f} s", file=sys.stderr)
    return contestants[min(tried, key=lambda size: tried[size])], tried


def run_race(contestants: list[Contestant], sources: list[str], rounds: int, beam: int) -> None:
    """Interleaved rounds, whose seconds each contestant keeps."""
    from octavo.race import race

    def said(name: str, turn: int, seconds: float) -> None:
        print(f"{f'round {turn}' if turn else 'warm-up'}: {name}: {seconds:.2f} s", file=sys.stderr)

    runs = {one.name: functools.partial(one.run, sources, beam) for one in contestants}
    seconds = race(runs, rounds, advance=said)
    for one in contestants:
        one.seconds = seconds[one.name]


def sizes(models: dict[str, Path]) -> dict[str, int]:
    """Bytes of the model, tokenizer left out: the int8 directory, and its tensors if all were float32."""
    from octavo.artifact import ModelDirectory
    from octavo.model.scheme import Scheme
    from octavo.model.tensor_table import tensors

    int8 = ModelDirectory.open(models[INT8])
    files = [entry for entry in int8.path.iterdir() if entry.is_file()]
    kept = [entry for entry in files if entry not in int8.tokenizer_paths and entry.suffix != ".md"]
    tensors_bytes = (int8.path / "model.safetensors").stat().st_size
    float32_bytes = sum(4 * math.prod(spec.shape) for spec in tensors(int8.config, Scheme.NONE))
    int8_bytes = sum(entry.stat().st_size for entry in kept)
    return {
        INT8: int8_bytes,
        FLOAT32: float32_bytes + int8_bytes - tensors_bytes,
        "tokenizer": sum(path.stat().st_size for path in set(int8.tokenizer_paths)),
    }


def machine(load_before: tuple[float, float, float]) -> dict[str, Any]:
    """The machine and the software that this ran on."""
    import octavo
    from octavo.engine import cpu_report
    from octavo.engine.cpu import available_cores
    from octavo.machine import cpu_model, installed_versions, memory_bytes

    return {
        "cpu": cpu_model(),
        "cores": available_cores(),
        "memory_bytes": memory_bytes(),
        "system": platform.platform(),
        "load_average_before": list(load_before),
        "isa": cpu_report()["isa"],
        "python": platform.python_version(),
        "octavo": octavo.__version__,
        **installed_versions(("torch", "numpy", "sentencepiece")),
    }


def same_output(contestants: list[Contestant]) -> dict[str, int]:
    """How many sentences each pair of neighbours translates alike."""
    return {
        f"{a.name}, {b.name}": sum(x == y for x, y in zip(a.texts, b.texts, strict=True))
        for a, b in itertools.pairwise(contestants)
    }


def table(report: dict[str, Any]) -> list[str]:
    """One row a contestant."""
    rows = [
        "| | tokens/s, median | its range | against PyTorch | sentences/s | peak memory | model size |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, speed in report["speed"].items():
        memory, size = report["peak_memory_bytes"].get(name), report["model_bytes"].get(name)
        cells = [
            name,
            f"{speed['tokens_per_second']:,.0f}",
            f"{speed['slowest']:,.0f} to {speed['fastest']:,.0f}",
            f"{speed['times_pytorch']:.2f}",
            f"{speed['sentences_per_second']:,.0f}",
            f"{memory / 2**20:,.0f} MiB" if memory else "",
            f"{size / 1e6:,.2f} MB" if size else "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    on, run, size = (report[key] for key in ("machine", "run", "model_bytes"))
    lines = [
        "# Side by side",
        "",
        (
            f"{run['date']}: {run['sentences']:,} sentences of {run['source']}, beam {run['beam']}, "
            f"{run['threads']} threads, {run['rounds']} interleaved rounds; PyTorch in batches of "
            f"{run['pytorch_batch']}. Text to text, loading left out; tokens are target tokens with EOS."
        ),
        "",
        (
            f"{on['cpu']}, {on['cores']} cores, {on['isa']}; octavo {on['octavo']}, torch {on['torch']}, "
            f"Python {on['python']}; load average before: {on['load_average_before'][0]:.2f}."
        ),
        "",
        *table(report),
        "",
        (
            f"int8 does {report['int8_times_float32']:.2f} times the tokens per second of our float32, and "
            f"its model is {size[FLOAT32] / size[INT8]:.2f} times smaller. Sizes leave the tokenizer out "
            f"({size['tokenizer'] / 1e3:,.0f} kB); peak memory is that of one `octavo translate` of them all."
        ),
        "",
        "Sentences with the same translation: "
        + "; ".join(f"{pair}: {count} of {run['sentences']}" for pair, count in report["same_output"].items())
        + ".",
    ]
    return "\n".join(lines) + "\n"


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="text to translate, a sentence a line")
    parser.add_argument("--float-model", type=Path, default=ROOT / "models" / "en-de")
    parser.add_argument("--int8-model", type=Path, help="default: the model in the box")
    parser.add_argument("--sentences", type=int, default=1000, help="the first N of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pytorch-batches", type=int, nargs="+", default=[32, 64, 128], metavar="N")
    parser.add_argument("--output", type=Path, default=Path("side-by-side"), help="OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    if min(arguments.sentences, arguments.rounds, arguments.threads, *arguments.pytorch_batches) < 1:
        parser.error("numbers must be at least 1")
    return arguments


def main() -> None:
    """Measure memory, warm up, race, report."""
    arguments = parse_arguments()
    load_before = os.getloadavg()
    lines = arguments.source.read_text(encoding="utf-8").split("\n")
    sources = [line for line in lines if line.strip()][: arguments.sentences]
    int8_model = arguments.int8_model or ROOT / "src" / "octavo" / "models" / "en-de"
    models = {FLOAT32: arguments.float_model, INT8: int8_model}
    memory = measure_memory(models, sources, arguments.threads, arguments.beam)

    import octavo
    from octavo.artifact import ModelDirectory

    pytorch, tried = best_pytorch(ModelDirectory.open(arguments.float_model), sources, arguments)
    ours = [
        Contestant(name, octavo.load(models[name], precision=precision, threads=arguments.threads))
        for name, precision in ((FLOAT32, "float32"), (INT8, "int8"))
    ]
    contestants = [pytorch, *ours]
    run_race(contestants, sources, arguments.rounds, arguments.beam)

    report = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "source": arguments.source.name,
            "sentences": len(sources),
            "beam": arguments.beam,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "pytorch_batch": min(tried, key=lambda size: tried[size]),
            "pytorch_warm_up_seconds": tried,
        },
        "machine": machine(load_before),
        "speed": {
            one.name: one.summary() | {"times_pytorch": one.times_as_fast_as(pytorch)} for one in contestants
        },
        "int8_times_float32": ours[1].times_as_fast_as(ours[0]),
        "peak_memory_bytes": memory,
        "model_bytes": sizes(models),
        "same_output": same_output(contestants),
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()

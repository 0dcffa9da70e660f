"""What the memory of a run is made of, and whether it stays flat.

    python benchmarks/shapes.py opus --output opus && octavo quantize opus -o opus-int8
    python benchmarks/run_memory.py opus-int8 --sentences 100 500
    python benchmarks/run_memory.py models/int8            # of nllb_shape.py prepare

A process loads the model and translates sentences of 8 to 40 random tokens, a part after the other. It
prints the resident memory and its peak after each step: what loading adds are weights, what translating adds
are keys, values and scratch. Lengths of translations follow those of their sources. It exits with 1 where the
peak of the last part is more than ``--slack`` MiB above that of the first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.bench.resident import peak_resident_bytes
from octavo.engine import Engine, SearchOptions

MIB: Final = 2**20
LENGTHS: Final = (8, 40)
SPECIAL: Final = 200
"""Ids below it may be control tokens."""


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def say(step: str) -> int:
    """Print a step's memory; return its peak in bytes."""
    peak = peak_resident_bytes()
    print(f"{step:24s} now {resident_bytes() / MIB:7.1f} MiB, peak {peak / MIB:7.1f} MiB", flush=True)
    return peak


def sources(count: int, vocabulary: int) -> list[list[int]]:
    """Sentences of mixed lengths in random order."""
    rng = np.random.default_rng(1)
    least, most = LENGTHS
    return [rng.integers(SPECIAL, vocabulary, rng.integers(least, most + 1)).tolist() for _ in range(count)]


def run(path: Path, parts: Sequence[int], beam: int, threads: int) -> list[int]:
    """Translate up to each of the counts of sentences; the peak in bytes after each."""
    say("imported")
    engine = Engine(ModelDirectory.open(path), precision="int8", threads=threads)
    say("loaded")
    lines = sources(parts[-1], min(engine.config.source_vocab_size, 32_000))
    options = SearchOptions(beam=beam, length_ratio=1.0, length_margin=0)
    peaks, done = [], 0
    for count in parts:
        engine.translate(lines[done:count], options)
        done = count
        peaks.append(say(f"{count} sentences"))
    return peaks


def main() -> None:
    """Parse, run, and compare the first part with the last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path, help="a quantized model directory")
    parser.add_argument(
        "--sentences", type=int, nargs="+", default=[100, 500], help="in all, after each part"
    )
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slack", type=float, default=16.0, help="MiB that the peak may grow by")
    asked = parser.parse_args()
    peaks = run(asked.model, sorted(asked.sentences), asked.beam, asked.threads)
    grown = (peaks[-1] - peaks[0]) / MIB
    print(f"grown by {grown:.1f} MiB")
    raise SystemExit(int(grown > asked.slack))


if __name__ == "__main__":
    main()

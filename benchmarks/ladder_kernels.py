"""The rungs of benchmarks/ladder.py that need no engine: products on their own, and copies of a cache."""

from __future__ import annotations

import dataclasses
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("base", "big")
ROWS = (4, 32, 128, 512)
SITES = {  # the harness's names of the shapes that the engine runs
    "attention": "query, key, value, output",
    "ffn in": "feed-forward, inner",
    "ffn out": "feed-forward, outer",
    "vocabulary": "output projection",
}
FLOAT32 = "product_f32"
INT8 = {"product_s8": "per token", "static": "static", "static to u8": "static to u8"}
MODEL_LINE = re.compile(r" (?P<model>\w+)$")
PRODUCT_LINE = re.compile(
    r"  (?P<kernel>.{14}) (?P<site>.{16}) M=(?P<rows>\d+) +K=(?P<inner>\d+) +N=(?P<columns>\d+)"
    r" +(?P<nanoseconds>\d+) ns"
)


@dataclasses.dataclass(frozen=True)
class Timing:
    """One product that the harness timed: [rows, inner] by [inner, columns] on one core."""

    model: str
    site: str
    inner: int
    columns: int
    rows: int
    kernel: str
    nanoseconds: float


def build_harness(folder: Path) -> Path | None:
    """Build native/tests/check_kernels in an empty folder. None: there is no cmake to do it with."""
    if not shutil.which("cmake"):
        return None
    options = ("-DOCTAVO_BUILD_TESTS=ON", "-DOCTAVO_BUILD_MODULE=OFF", "-DCMAKE_BUILD_TYPE=Release")
    build = ("cmake", "--build", folder, "--target", "check_kernels", "--parallel")
    for command in (("cmake", "-S", ROOT, "-B", folder, *options), build):
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder / "native" / "tests" / "check_kernels"


def parse(lines: str) -> Iterator[Timing]:
    """The products among what `check_kernels --bench` prints."""
    model = ""
    for line in lines.splitlines():
        if heading := MODEL_LINE.fullmatch(line):
            model = heading["model"]
        elif found := PRODUCT_LINE.match(line):
            rows, inner, columns = (int(found[key]) for key in ("rows", "inner", "columns"))
            kernel, site = found["kernel"].strip(), found["site"].strip()
            yield Timing(model, site, inner, columns, rows, kernel, float(found["nanoseconds"]))


def products(harness: Path, isa: str, rounds: int) -> dict[str, Any]:
    """float32 against int8 for every product of the models, the medians of several runs of the harness."""
    found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for turn in range(rounds):
        command = [str(harness), "--tier", isa, "--bench"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        for timing in parse(done.stdout):
            if timing.model in MODELS and timing.rows in ROWS and timing.site in SITES:
                key = (timing.model, SITES[timing.site], timing.inner, timing.columns, timing.rows)
                found.setdefault(key, {}).setdefault(timing.kernel, []).append(timing.nanoseconds)
        print(f"products: round {turn + 1} of {rounds}", file=sys.stderr)
    rows = [_product_row(key, times) for key, times in found.items()]
    if not rows:
        raise SystemExit(f"{harness}: timed no product of {', '.join(MODELS)}; is it of this version?")
    summary = {}
    for name in INT8.values():
        ratios = [row["int8"][name]["float32_takes"] for row in rows]
        summary[name] = {"mean": statistics.mean(ratios), "low": min(ratios), "high": max(ratios)}
    return {"rounds": rounds, "products": rows, "float32_takes": summary}


def _product_row(key: tuple[Any, ...], times: dict[str, list[float]]) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(("model", "site", "inner", "columns", "rows"), key, strict=True))
    row["float32_ns"] = _spread(times[FLOAT32])
    row["int8"] = {}
    for kernel, name in INT8.items():
        taken = _spread(times[kernel])
        ratio = row["float32_ns"]["median"] / taken["median"]
        row["int8"][name] = {**taken, "float32_takes": ratio}
    return row


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


class CopiedCache:
    """Keys and values as engines keep them that reorder them at every step: [rows, length, width] for each
    layer's keys and values, and as much again to copy into."""

    def __init__(self, dtype: npt.DTypeLike, *, tensors: int, rows: int, length: int, width: int) -> None:
        self._buffers = [np.ones((2, rows * length * width), dtype) for _ in range(tensors)]
        self._rows, self._length, self._width = rows, length, width

    def seconds(self, beam: int, seed: int) -> float:
        """What the reordering costs after each step but the last, every row taking the place of a row of its
        sentence, drawn by chance. One thread; the copies are whole rows."""
        rng = np.random.default_rng(seed)
        sentence = np.repeat(np.arange(self._rows // beam) * beam, beam)
        taken = 0.0
        for length in range(1, self._length):
            parents = sentence + rng.integers(0, beam, self._rows)
            size = length * self._width
            views = [
                tuple(half[: self._rows * size].reshape(self._rows, size) for half in buffer)
                for buffer in self._buffers
            ]
            source, target = (0, 1) if length % 2 else (1, 0)
            start = time.perf_counter()
            for view in views:
                np.take(view[source], parents, axis=0, out=view[target], mode="clip")
            taken += time.perf_counter() - start
        return taken

    def bytes_copied(self) -> int:
        """Bytes written by ``seconds``."""
        positions = sum(range(1, self._length))
        return positions * self._rows * self._width * len(self._buffers) * self._buffers[0].itemsize

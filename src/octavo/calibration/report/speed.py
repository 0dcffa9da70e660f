"""How fast a model is before and after quantization, and what falling back cost."""

from __future__ import annotations

import contextlib
import functools
import statistics
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from octavo.calibration.choose.calibrate import Calibration
from octavo.calibration.report.data import Speed
from octavo.engine import Engine, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.engine.target_prefixes import target_prefixes
from octavo.race import race, timed
from octavo.runs.progress import Progress
from octavo.translation.options import search_options

_ROUNDS: Final = 5
_SENTENCES: Final = 64


def measured_speed(calibration: Calibration, threads: int, progress: Progress) -> Speed:
    """Target tokens a second on the first sentences of the dev set: medians of interleaved rounds.

    Nothing without a dev set. Other work on the machine makes the figures smaller, for all alike.
    """
    if calibration.target is None or calibration.data is None:
        return Speed()
    dev = calibration.target.dev
    work = _Rounds(calibration, dev.sources[:_SENTENCES], threads, progress)
    inputs = calibration.candidate.identity() | {
        "required": sorted(calibration.required),
        "float32": sorted(calibration.float32),
        "dev": dev.checksum(),
        "threads": threads,
    }
    found = calibration.data.measurements.steps.grown("speed", inputs, range(_ROUNDS), work)
    median = {name: statistics.median(speeds) for name, speeds in found.items()}
    return Speed(median["float32"], median["before"], median.get("after", median["before"]))


class _Rounds:
    """Races of one round, each with its warm-up; a GrowingStep. Its state: tokens a second by engine."""

    def __init__(
        self, calibration: Calibration, lines: Sequence[str], threads: int, progress: Progress
    ) -> None:
        self._calibration = calibration
        self._lines = lines
        self._threads = threads
        self._progress = progress
        self._opened = contextlib.ExitStack()
        self._engines: dict[str, Engine] = {}
        self._speeds: dict[str, list[float]] = {}

    def begin(self, done: int, state: Any) -> None:
        self._engines = self._open()
        self._speeds = state if done else {name: [] for name in self._engines}
        self._progress.stage("Measuring speed", 2 * _ROUNDS * len(self._engines))
        self._progress.advance(2 * done * len(self._engines))

    def _open(self) -> dict[str, Engine]:
        calibration, candidate = self._calibration, self._calibration.candidate
        found = {
            "float32": Engine(calibration.model, precision="float32", threads=self._threads),
            "before": Engine(candidate.model(calibration.required), threads=self._threads),
        }
        if calibration.float32 != calibration.required:
            found["after"] = Engine(candidate.model(calibration.float32), threads=self._threads)
        for engine in found.values():
            self._opened.callback(engine.close)
        return found

    def add(self, _unit: int) -> None:
        model = self._calibration.model
        segmenter, prefixes = model.segmenter(), target_prefixes(model.direction(), len(self._lines))
        sources = [np.array(segmenter.whole(line), np.int32) for line in self._lines]
        options = search_options(model.search, {})
        runs = {
            name: functools.partial(_tokens_per_second, engine, sources, options, prefixes)
            for name, engine in self._engines.items()
        }
        for name, (speed,) in race(runs, 1, advance=lambda *_run: self._progress.advance()).items():
            self._speeds[name].append(speed)

    def state(self) -> dict[str, list[float]]:
        return self._speeds

    def close(self) -> None:
        self._opened.close()


def _tokens_per_second(
    engine: Engine,
    sources: Sequence[TokenIds],
    options: SearchOptions,
    prefixes: Sequence[TokenIds | None] | None,
) -> float:
    seconds, found = timed(lambda: engine.translate(sources, options, target_prefixes=prefixes))
    return sum(len(best[0].tokens) + 1 for best in found) / seconds

"""How fast a model is before and after quantization, and what falling back cost."""

from __future__ import annotations

import functools
import statistics
from typing import Final

import numpy as np

from octavo.calibration.choose.calibrate import Calibration
from octavo.calibration.report.data import Speed
from octavo.engine import Engine
from octavo.race import race, timed
from octavo.runs.progress import Progress
from octavo.translation.options import search_options

_ROUNDS: Final = 3
_SENTENCES: Final = 200


def measured_speed(calibration: Calibration, threads: int, progress: Progress) -> Speed:
    """Target tokens a second on the first sentences of the dev set: medians of interleaved rounds.

    Nothing without a dev set. Other work on the machine makes the figures smaller, for all alike.
    """
    if calibration.target is None:
        return Speed()
    candidate, model = calibration.candidate, calibration.model
    engines = {
        "float32": Engine(model, precision="float32", threads=threads),
        "before": Engine(candidate.model(calibration.required), threads=threads),
    }
    if calibration.float32 != calibration.required:
        engines["after"] = Engine(candidate.model(calibration.float32), threads=threads)
    tokenizer, _ = model.tokenizers()
    lines = calibration.target.dev.sources[:_SENTENCES]
    longest = model.config.max_positions - 1
    sources = [np.array(tokenizer.encode(line)[:longest], np.int32) for line in lines]
    options = search_options(model.search, {})
    progress.stage("Measuring speed", (_ROUNDS + 1) * len(engines))

    def tokens_per_second(engine: Engine) -> float:
        seconds, found = timed(lambda: engine.translate(sources, options))
        return sum(len(best[0].tokens) + 1 for best in found) / seconds

    runs = {name: functools.partial(tokens_per_second, engine) for name, engine in engines.items()}
    speeds = race(runs, _ROUNDS, advance=lambda *_run: progress.advance())
    for engine in engines.values():
        engine.close()
    median = {name: statistics.median(found) for name, found in speeds.items()}
    return Speed(median["float32"], median["before"], median.get("after", median["before"]))

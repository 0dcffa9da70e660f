"""Calibration text made ready: the model's own output on it, and what is held out to compare choices by."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np

import octavo
from octavo.artifact import ModelDirectory
from octavo.calibration.collect import OwnOutput, own_output
from octavo.calibration.divergence import Pairs
from octavo.calibration.measurements import Measurements, opened
from octavo.calibration.progress import Progress
from octavo.calibration.state import FinishedSteps, digest
from octavo.calibration.text import CalibrationText, calibration_text
from octavo.engine.engine import TokenIds
from octavo.translation.options import search_options

_UNSURE: Final = -1.25
"""Mean log-probability, in nats a token, of a model's own output. Models are at -0.3 to -0.8 on text like
what they were trained on, and below this on most text in another language."""
_MANY_ENDLESS: Final = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class NamedText:
    """Lines, and what messages call them."""

    name: str
    lines: tuple[str, ...]

    def checksum(self) -> str:
        """SHA-256, in hex, of the lines as a file of UTF-8."""
        text = "".join(f"{line}\n" for line in self.lines)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """``observed``: the pairs that ranges come from; ``measurements`` has those held out."""

    steps: FinishedSteps
    observed: Pairs
    measurements: Measurements

    @property
    def mean_keys(self) -> float:
        """Tokens that a token attends to: the mean length of a source."""
        return sum(map(len, self.observed.sources)) / len(self.observed)


def prepare(
    model: ModelDirectory,
    text: NamedText,
    steps: FinishedSteps,
    progress: Progress,
    *,
    sentences: int,
    threads: int,
) -> Prepared:
    """Choose sentences, translate them greedily in float32, and warn of what looks wrong.

    Raises CalibrationError for text that cannot be used.
    """
    chosen = calibration_text(text.lines, model, text.name, sentences)
    steps = steps.about({"text": text.checksum(), "sentences": sentences})
    output = _own_output(model, chosen, steps, progress, threads)
    _warn(chosen, output, progress)
    observed, pairs = len(chosen.observed), output.pairs
    held_out = Pairs(pairs.sources[observed:], pairs.targets[observed:])
    return Prepared(
        steps,
        Pairs(pairs.sources[:observed], pairs.targets[:observed]),
        Measurements(model, held_out, steps, progress, threads=threads),
    )


def model_steps(model: ModelDirectory, folder: Path | None) -> FinishedSteps:
    """Finished steps of one model; its config.json names every other file's checksum."""
    config = (model.path / "config.json").read_text(encoding="utf-8")
    return FinishedSteps(folder, {"octavo": octavo.__version__, "model": digest(config)})


def _own_output(
    model: ModelDirectory, text: CalibrationText, steps: FinishedSteps, progress: Progress, threads: int
) -> OwnOutput:
    sources = (*text.observed, *text.held_out)

    def compute() -> dict[str, Any]:
        progress.stage("Translating the calibration text", len(sources))
        with opened(model, "float32", threads) as engine:
            found = own_output(engine, sources, search_options(model.search, {}), progress)
        return {
            "targets": [target.tolist() for target in found.pairs.targets],
            "complete_share": found.complete_share,
            "mean_score": found.mean_score,
        }

    found = steps.value("own-output", {}, compute)
    targets: tuple[TokenIds, ...] = tuple(np.array(target, np.int32) for target in found["targets"])
    return OwnOutput(Pairs(sources, targets), found["complete_share"], found["mean_score"])


def _warn(text: CalibrationText, output: OwnOutput, progress: Progress) -> None:
    if suspicion := text.suspicion():
        progress.warn(suspicion)
    endless = 1 - output.complete_share
    if output.mean_score < _UNSURE or endless > _MANY_ENDLESS:
        progress.warn(
            f"{text.name}: the model is unsure of this text (mean log-probability {output.mean_score:.2f} a "
            f"token; {endless:.0%} of its translations do not end). Is it in the language that the model "
            "translates from, and like the text to be translated?"
        )

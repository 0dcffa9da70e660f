"""Calibration text made ready: the model's own output on it, and what is held out to compare choices by."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

import octavo
from octavo.artifact import ModelDirectory
from octavo.calibration.collect import OwnOutput, TranslatingEngine, own_output
from octavo.calibration.divergence import Pairs
from octavo.calibration.measurements import Measurements, opened
from octavo.calibration.progress import Progress
from octavo.calibration.quality import TextFile
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


def text_file(role: Literal["calibration", "dev source", "dev reference"], text: NamedText) -> TextFile:
    """What a report says of a text: not where it lay."""
    return TextFile(role, Path(text.name).name, text.checksum(), len(text.lines))


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
    with_engine = functools.partial(opened, model, "float32", threads)
    observed, held_out = own_translations(model, chosen, steps, progress, with_engine)
    return Prepared(steps, observed, Measurements(model, held_out, steps, progress, threads=threads))


def model_steps(model: ModelDirectory, folder: Path | None) -> FinishedSteps:
    """Finished steps of one model; its config.json names every other file's checksum."""
    config = (model.path / "config.json").read_text(encoding="utf-8")
    return FinishedSteps(folder, {"octavo": octavo.__version__, "model": digest(config)})


def own_translations(
    model: ModelDirectory,
    text: CalibrationText,
    steps: FinishedSteps,
    progress: Progress,
    engine: Callable[[], AbstractContextManager[TranslatingEngine]],
) -> tuple[Pairs, Pairs]:
    """The text with the model's greedy translations, those observed and those held out; warns of what looks
    wrong about them. ``engine`` gives what translates."""
    sources = (*text.observed, *text.held_out)

    def compute() -> dict[str, Any]:
        progress.stage("Translating the calibration text", len(sources))
        with engine() as translating:
            found = own_output(translating, sources, search_options(model.search, {}), progress)
        return {
            "targets": [target.tolist() for target in found.pairs.targets],
            "complete_share": found.complete_share,
            "mean_score": found.mean_score,
        }

    found = steps.value("own-output", {}, compute)
    targets: tuple[TokenIds, ...] = tuple(np.array(target, np.int32) for target in found["targets"])
    _warn(text, OwnOutput(Pairs(sources, targets), found["complete_share"], found["mean_score"]), progress)
    observed = len(text.observed)
    return Pairs(sources[:observed], targets[:observed]), Pairs(sources[observed:], targets[observed:])


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

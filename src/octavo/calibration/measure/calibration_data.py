"""The pairs that a run calibrates on, and what it measures with those held out."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import octavo
from octavo.artifact import ModelDirectory
from octavo.calibration.measure.measurements import Measurements, opened
from octavo.calibration.observe.own_translations import own_translations
from octavo.calibration.text.named_text import NamedText
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import calibration_text
from octavo.runs.finished_steps import FinishedSteps, digest
from octavo.runs.progress import Progress


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CalibrationData:
    """What a run calibrates on.

    ``observed``: the pairs that ranges come from. ``measurements`` measures on the pairs held out.
    """

    observed: Pairs
    measurements: Measurements

    @property
    def mean_keys(self) -> float:
        """The mean number of tokens that a token attends to, taken as the mean length of a source."""
        return sum(map(len, self.observed.sources)) / len(self.observed)


def calibration_data(
    model: ModelDirectory,
    text: NamedText,
    steps: FinishedSteps,
    progress: Progress,
    *,
    sentences: int,
    threads: int,
) -> CalibrationData:
    """Choose sentences, translate them greedily in float32, and warn of what looks wrong.

    Raises CalibrationError for text that cannot be used.
    """
    chosen = calibration_text(text.lines, model, text.name, sentences)
    steps = steps.about({"text": text.checksum(), "sentences": sentences})
    with_engine = functools.partial(opened, model, "float32", threads)
    observed, held_out = own_translations(model, chosen, steps, progress, with_engine)
    return CalibrationData(observed, Measurements(model, held_out, steps, progress, threads=threads))


def model_steps(model: ModelDirectory, folder: Path | None) -> FinishedSteps:
    """The finished steps of one model between its two languages. They depend on its config.json, which has
    all checksums."""
    config = (model.path / "config.json").read_text(encoding="utf-8")
    direction = dataclasses.asdict(model.direction())
    return FinishedSteps(
        folder, {"octavo": octavo.__version__, "model": digest(config), "direction": direction}
    )

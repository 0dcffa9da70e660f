"""The dev set that the gate measures on, translated as the model's users would."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.errors import counted
from octavo.evaluation.quality import measure_quality
from octavo.runs.finished_steps import FinishedSteps, digest
from octavo.runs.progress import Progress
from octavo.translation import SearchEngine, Translator

Metric = Literal["bleu", "chrf"]
METRIC_NAMES: Final[Mapping[str, str]] = {"bleu": "BLEU", "chrf": "chrF"}

FEWEST_LINES: Final = 16
_LINES_AT_ONCE: Final = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one translated text.

    ``length_ratio``: its words over the words of the reference.

    ``complete_share``: translations that ended by themselves, 0 to 1.
    """

    bleu: float
    chrf: float
    length_ratio: float
    complete_share: float

    def score(self, metric: Metric) -> float:
        """The score by that metric."""
        return self.bleu if metric == "bleu" else self.chrf


@dataclasses.dataclass(frozen=True, slots=True)
class DevResult:
    """A translated dev set: its scores, its target tokens with EOS, the seconds they took, and the texts."""

    scores: Scores
    target_tokens: int
    seconds: float
    translations: tuple[str, ...]

    @property
    def tokens_per_second(self) -> float:
        """Target tokens with EOS per second."""
        return self.target_tokens / self.seconds if self.seconds else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class DevText:
    """The lines of a dev set and their reference translations, line for line.

    Messages and the report call the two by their names.

    Raises CalibrationError where they are not parallel, or too few to measure anything by.
    """

    name: str
    reference_name: str
    sources: tuple[str, ...]
    references: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.references):
            raise CalibrationError(
                f"{self.name} has {counted(len(self.sources), 'line')}, {self.reference_name} "
                f"{len(self.references)}: "
                "line i of the one must be the translation of line i of the other"
            )
        if len(self.sources) < FEWEST_LINES:
            raise CalibrationError(
                f"{self.name}: {counted(len(self.sources), 'line')}; the gate needs at least "
                f"{FEWEST_LINES}, and some "
                "hundreds to tell a small loss from chance"
            )
        for name, lines in ((self.name, self.sources), (self.reference_name, self.references)):
            blank = sum(not line.strip() for line in lines)
            if 2 * blank > len(lines):
                raise CalibrationError(
                    f"{name}: {blank} of {len(lines)} lines are blank; nothing can be judged by it"
                )

    def checksum(self) -> str:
        """SHA-256 of all lines."""
        return digest([self.sources, self.references])

    def measure(
        self,
        model: ModelDirectory,
        engine: Callable[[], SearchEngine],
        progress: Progress,
        steps: FinishedSteps | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> DevResult:
        """Translate all of it with the model's own search and score it.

        ``engine`` opens what translates; ``inputs``: what it depends on. ``steps`` keeps the translations.
        """
        blocks = [self.sources[i : i + _LINES_AT_ONCE] for i in range(0, len(self.sources), _LINES_AT_ONCE)]
        work = _DevTranslation(model, engine, blocks, progress)
        depends = {**(inputs or {}), "dev": self.checksum()}
        found = (steps or FinishedSteps(None, {})).grown("dev", depends, blocks, work)
        quality = measure_quality(found["translations"], self.references)
        scores = Scores(
            bleu=quality.bleu,
            chrf=quality.chrf,
            length_ratio=quality.length_ratio,
            complete_share=found["complete"] / len(self.sources),
        )
        return DevResult(scores, found["target_tokens"], found["seconds"], tuple(found["translations"]))


class _DevTranslation:
    """Translates blocks of lines; a GrowingStep. Its state: the translations, how many of them are complete,
    their target tokens with EOS, and the seconds that they took."""

    def __init__(
        self,
        model: ModelDirectory,
        engine: Callable[[], SearchEngine],
        blocks: Sequence[Sequence[str]],
        progress: Progress,
    ) -> None:
        self._model = model
        self._engine = engine
        self._blocks = blocks
        self._progress = progress
        self._opened = contextlib.ExitStack()
        self._found: dict[str, Any] = {"translations": [], "complete": 0, "target_tokens": 0, "seconds": 0.0}

    def begin(self, done: int, state: Any) -> None:
        if done:
            self._found = state
        self._progress.stage("Translating the dev set", sum(map(len, self._blocks)))
        self._progress.advance(sum(map(len, self._blocks[:done])))
        self._translator = self._opened.enter_context(Translator(self._model, self._engine()))

    def add(self, unit: Sequence[str]) -> None:
        found, start = self._found, time.perf_counter()
        for translation in self._translator.stream(unit):
            found["translations"].append(translation.text)
            found["complete"] += translation.complete
            found["target_tokens"] += translation.target_tokens
            self._progress.advance()
        found["seconds"] += time.perf_counter() - start

    def state(self) -> dict[str, Any]:
        return self._found

    def close(self) -> None:
        self._opened.close()

"""The dev set that the gate measures on, translated as the model's users would."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.evaluation.quality import measure_quality
from octavo.runs.finished_steps import digest
from octavo.runs.progress import Progress
from octavo.translation import Translator
from octavo.translation.translator import SearchEngine

Metric = Literal["bleu", "chrf"]
METRIC_NAMES: Final[Mapping[str, str]] = {"bleu": "BLEU", "chrf": "chrF"}

FEWEST_LINES: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """Of one translated text. ``length_ratio``: words over words of the reference.

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
    """Lines and their translations, line for line. The names of both are for messages and the report.

    Raises CalibrationError where they are not parallel, or too few to measure anything by.
    """

    name: str
    reference_name: str
    sources: tuple[str, ...]
    references: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.references):
            raise CalibrationError(
                f"{self.name} has {len(self.sources)} lines, {self.reference_name} {len(self.references)}: "
                "line i of the one must be the translation of line i of the other"
            )
        if len(self.sources) < FEWEST_LINES:
            raise CalibrationError(
                f"{self.name}: {len(self.sources)} lines; the gate needs at least {FEWEST_LINES}, and some "
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

    def measure(self, model: ModelDirectory, engine: SearchEngine, progress: Progress) -> DevResult:
        """Translate all of it with the model's own search and score it. Closes the engine."""
        progress.stage("Translating the dev set", len(self.sources))
        start = time.perf_counter()
        found = []
        with Translator(model, engine) as translator:
            for translation in translator.stream(self.sources):
                found.append(translation)
                progress.advance()
        seconds = time.perf_counter() - start
        texts = tuple(translation.text for translation in found)
        quality = measure_quality(texts, self.references)
        scores = Scores(
            bleu=quality.bleu,
            chrf=quality.chrf,
            length_ratio=quality.length_ratio,
            complete_share=sum(translation.complete for translation in found) / len(found),
        )
        return DevResult(scores, sum(translation.target_tokens for translation in found), seconds, texts)


def dev_result_to_dict(result: DevResult) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    return dataclasses.asdict(result)


def dev_result_from_dict(values: dict[str, Any]) -> DevResult:
    """Inverse of ``dev_result_to_dict``."""
    return DevResult(
        Scores(**values["scores"]), values["target_tokens"], values["seconds"], tuple(values["translations"])
    )

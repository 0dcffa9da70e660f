"""Calibration text made ready: the model's own output on it, and what is held out to compare choices by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import CalibrationText
from octavo.engine import Hypothesis, SearchOptions
from octavo.engine.engine import TokenIds
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Progress
from octavo.translation.options import search_options

_UNSURE: Final = -1.25
"""Mean log-probability, in nats a token, of a model's own output. Models are at -0.3 to -0.8 on text like
what they were trained on, and below this on most text in another language."""
_MANY_ENDLESS: Final = 0.05
_SENTENCES_AT_ONCE: Final = 32


class TranslatingEngine(Protocol):
    """What the model's own output needs of an engine; see octavo.engine.Engine."""

    def translate(self, sources: Sequence[TokenIds], options: SearchOptions) -> list[list[Hypothesis]]:
        """For each source its n-best list."""


@dataclasses.dataclass(frozen=True, slots=True)
class OwnOutput:
    """The model's own greedy translations. ``complete_share``: those that ended by themselves.

    ``mean_score``: log-probability of a token in nats, the mean over all sentences.
    """

    pairs: Pairs
    complete_share: float
    mean_score: float


def own_output(
    engine: TranslatingEngine, sources: Sequence[TokenIds], options: SearchOptions, progress: Progress
) -> OwnOutput:
    """Translate freely, greedily: what the decoder will see in use, its own mistakes included."""
    greedy = dataclasses.replace(options, beam=1, nbest=1, length_penalty=1.0)
    found: list[Hypothesis] = []
    for start in range(0, len(sources), _SENTENCES_AT_ONCE):
        batch = sources[start : start + _SENTENCES_AT_ONCE]
        found += [hypotheses[0] for hypotheses in engine.translate(batch, greedy)]
        progress.advance(len(batch))
    return OwnOutput(
        Pairs(tuple(sources), tuple(hypothesis.tokens for hypothesis in found)),
        sum(hypothesis.complete for hypothesis in found) / len(found),
        sum(hypothesis.score for hypothesis in found) / len(found),
    )


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

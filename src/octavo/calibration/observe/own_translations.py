"""The model's own translations of the calibration text: what its decoder will see in use."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import FEWEST_SENTENCES, CalibrationText
from octavo.engine import Hypothesis, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.engine.target_prefixes import target_prefixes
from octavo.languages import Direction
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Progress
from octavo.translation.options import search_options

_UNSURE: Final = -1.25
"""Mean log-probability, in nats a token, of a model's own output. Models are at -0.3 to -0.8 on text like
what they were trained on, and below this on most text in another language."""
_MANY_ENDLESS: Final = 0.05
_SENTENCES_AT_ONCE: Final = 32


class TranslatingEngine(Protocol):
    """The part of octavo.engine.Engine that translates."""

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
    ) -> list[list[Hypothesis]]:
        """For each source its n-best list."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Translation:
    """The ids of a translation; whether it ended by itself; its log-probability of a token, in nats."""

    tokens: list[int]
    complete: bool
    score: float


def own_translations(
    model: ModelDirectory,
    text: CalibrationText,
    steps: FinishedSteps,
    progress: Progress,
    engine: Callable[[], AbstractContextManager[TranslatingEngine]],
) -> tuple[Pairs, Pairs]:
    """The text with the model's greedy translations: the pairs observed, and those held out.

    The decoder is calibrated on its own mistakes as well. A sentence whose translation fills all positions of
    the decoder is left out, as the decoder cannot be fed with it; a warning says how many. Another warns of
    text that the model is unsure of. ``engine`` opens what translates. Raises CalibrationError where too few
    sentences are left.
    """
    sources = (*text.observed, *text.held_out)
    batches = [
        sources[first : first + _SENTENCES_AT_ONCE] for first in range(0, len(sources), _SENTENCES_AT_ONCE)
    ]
    work = _GreedyTranslation(engine, search_options(model.search, {}), model.direction(), batches, progress)
    found = [_Translation(**values) for values in steps.grown("own-translations", {}, batches, work)]
    _warn_of_doubts(text, found, progress)
    fits = [len(translation.tokens) < model.config.max_positions for translation in found]
    observed, held_out = _split(sources, found, fits, len(text.observed))
    _check_left_out(text, model, len(observed), len(held_out), progress)
    return observed, held_out


class _GreedyTranslation:
    """Translates batches of sources; a GrowingStep. Its state is the list of translations."""

    def __init__(
        self,
        engine: Callable[[], AbstractContextManager[TranslatingEngine]],
        options: SearchOptions,
        direction: Direction,
        batches: Sequence[Sequence[TokenIds]],
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._options = dataclasses.replace(options, beam=1, nbest=1, length_penalty=1.0)
        self._direction = direction
        self._batches = batches
        self._progress = progress
        self._opened = contextlib.ExitStack()
        self._found: list[dict[str, Any]] = []

    def begin(self, done: int, state: Any) -> None:
        self._found = list(state or [])
        self._progress.stage("Translating the calibration text", sum(map(len, self._batches)))
        self._progress.advance(sum(map(len, self._batches[:done])))
        self._translating = self._opened.enter_context(self._engine())

    def add(self, unit: Sequence[TokenIds]) -> None:
        prefixes = target_prefixes(self._direction, len(unit))
        for nbest in self._translating.translate(unit, self._options, target_prefixes=prefixes):
            best = nbest[0]
            self._found.append(
                dataclasses.asdict(_Translation(best.tokens.tolist(), best.complete, best.score))
            )
        self._progress.advance(len(unit))

    def state(self) -> list[dict[str, Any]]:
        return self._found

    def close(self) -> None:
        self._opened.close()


def _split(
    sources: Sequence[TokenIds], found: Sequence[_Translation], fits: Sequence[bool], observed: int
) -> tuple[Pairs, Pairs]:
    """The first ``observed`` pairs and the others, without those that do not fit."""

    def pairs(indices: range) -> Pairs:
        kept = [i for i in indices if fits[i]]
        return Pairs(
            tuple(sources[i] for i in kept), tuple(np.array(found[i].tokens, np.int32) for i in kept)
        )

    return pairs(range(observed)), pairs(range(observed, len(sources)))


def _check_left_out(
    text: CalibrationText, model: ModelDirectory, observed: int, held_out: int, progress: Progress
) -> None:
    every = len(text.observed) + len(text.held_out)
    left_out = every - observed - held_out
    if not left_out:
        return
    why = (
        f"{text.name}: {left_out} of {every} sentences are left out, as their translations do not end within "
        f"the model's {model.config.max_positions} positions"
    )
    if observed + held_out < FEWEST_SENTENCES or not observed or not held_out:
        raise CalibrationError(
            f"{why}; calibration needs at least {FEWEST_SENTENCES}. Use text like that to be translated, or "
            "train the model longer"
        )
    progress.warn(why)


def _warn_of_doubts(text: CalibrationText, found: Sequence[_Translation], progress: Progress) -> None:
    if suspicion := text.suspicion():
        progress.warn(suspicion)
    endless = sum(not translation.complete for translation in found) / len(found)
    mean_score = sum(translation.score for translation in found) / len(found)
    if mean_score < _UNSURE or endless > _MANY_ENDLESS:
        progress.warn(
            f"{text.name}: the model is unsure of this text (mean log-probability {mean_score:.2f} a "
            f"token; {endless:.0%} of its translations do not end). Is it in the language that the model "
            "translates from, and like the text to be translated?"
        )

"""The loss of a model before and after freezing: cross-entropy of the dev set's references."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, Final

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.dev_text import DevText
from octavo.calibration.measure.float32_predictions import ForcedEngine, OpenEngine
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import spread
from octavo.engine.hypothesis import TokenIds
from octavo.runs.finished_steps import FinishedSteps

MOST_SENTENCES: Final = 200
_SENTENCES_AT_ONCE: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class DevLoss:
    """Cross-entropy in nats per target token, EOS included, of ``sentences`` of the dev set."""

    sentences: int
    float32: float
    integer: float


def dev_pairs(model: ModelDirectory, dev: DevText, most: int = MOST_SENTENCES) -> Pairs:
    """At most so many lines of the dev set with their references, evenly spread; lines without a token and
    those that the model has no positions for are left out. Raises CalibrationError where none is left."""
    source, target = model.tokenizers()
    found: list[tuple[TokenIds, TokenIds]] = []
    for line, reference in zip(dev.sources, dev.references, strict=True):
        ids = np.array(source.encode(line), np.int32), np.array(target.encode(reference), np.int32)
        if all(0 < len(side) < model.config.max_positions for side in ids):
            found.append(ids)
    if not found:
        raise CalibrationError(f"{dev.name}: no line of it and of its reference fits the model")
    chosen = spread(found, most)
    return Pairs(tuple(pair[0] for pair in chosen), tuple(pair[1] for pair in chosen))


def measure_loss(
    float32: ForcedEngine, integer: OpenEngine, pairs: Pairs, eos_id: int, steps: FinishedSteps
) -> DevLoss:
    """The loss of both models on the pairs; ``integer`` opens the engine. ``steps`` keeps the sums so far."""
    work = _LossPass(float32, integer, eos_id)
    found = steps.grown("loss", {}, list(pairs.batches(_SENTENCES_AT_ONCE)), work)
    tokens = pairs.target_tokens
    return DevLoss(len(pairs), found["float32"] / tokens, found["integer"] / tokens)


class _LossPass:
    """Adds up the loss over batches of pairs; a GrowingStep. Its state: the sum for each model, in nats."""

    def __init__(self, float32: ForcedEngine, integer: OpenEngine, eos_id: int) -> None:
        self._float32 = float32
        self._integer = integer
        self._eos_id = eos_id
        self._opened = contextlib.ExitStack()
        self._sums = {"float32": 0.0, "integer": 0.0}

    def begin(self, done: int, state: Any) -> None:
        if done:
            self._sums = state
        self._engines = {
            "float32": self._float32,
            "integer": self._opened.enter_context(self._integer()),
        }

    def add(self, unit: Pairs) -> None:
        for name, engine in self._engines.items():
            self._sums[name] += total_loss(engine, unit, self._eos_id)

    def state(self) -> dict[str, float]:
        return self._sums

    def close(self) -> None:
        self._opened.close()


def total_loss(engine: ForcedEngine, pairs: Pairs, eos_id: int) -> float:
    """-log p of the targets and of EOS after them, in nats, the sum over tokens."""
    total = 0.0
    every = engine.forced_logits(pairs.sources, pairs.targets)
    for logits, target in zip(every, pairs.targets, strict=True):
        scores = logits.astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        wanted = scores[np.arange(len(scores)), [*target.tolist(), eos_id]]
        total += float(np.sum(np.log(np.exp(scores).sum(axis=1)) - wanted))
    return total

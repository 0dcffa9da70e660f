"""How far a quantized model's predictions are from float32's: KL divergence per target token.

Teacher-forced on fixed targets, so no search is involved: exact, quick, and the same every time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from octavo.calibration.text.pairs import Pairs
from octavo.engine.hypothesis import TokenIds
from octavo.runs.finished_steps import FinishedSteps

FloatArray = npt.NDArray[np.float32]

_SENTENCES_AT_ONCE: Final = 8
_PAIRS_AT_ONCE: Final = 4 * _SENTENCES_AT_ONCE
_MOST_LOGITS: Final = 1 << 26
"""Float32's log-probabilities stay in memory: at most 256 MiB of them, and as much of probabilities."""
_MOST: Final = np.float32(80)
"""Larger differences overflow exp in binary32. A model that has them is broken in any case."""


_DIGITS: Final = 4
"""Significant digits that count: beyond them numpy differs from CPU to CPU (the engine does not)."""


class ForcedEngine(Protocol):
    """The part of octavo.engine.Engine that predicts given targets (teacher forcing)."""

    def forced_logits(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds]) -> list[FloatArray]:
        """float32 [len(target) + 1, vocabulary] for each pair."""


OpenEngine = Callable[[], AbstractContextManager[ForcedEngine]]
"""Opens an engine for as long as it is needed."""


class Float32Predictions:
    """Float32's predictions on sentence pairs, to measure others against.

    Takes as many of ``pairs`` as fit its memory, and makes predictions when they are first asked for.
    ``pairs``: those it took.
    """

    def __init__(self, float32: OpenEngine, pairs: Pairs, vocabulary: int) -> None:
        self.pairs = pairs.first(_MOST_LOGITS // vocabulary)
        self.float32 = float32
        self.batches = list(self.pairs.batches(_PAIRS_AT_ONCE))
        self._found: dict[int, list[tuple[FloatArray, FloatArray]]] = {}

    def known(self, batch: int) -> bool:
        """Whether the predictions of a batch are made already."""
        return batch in self._found

    def of_batch(self, batch: int, engine: ForcedEngine | None) -> list[tuple[FloatArray, FloatArray]]:
        """Probabilities and log-probabilities of each pair; ``engine`` makes those not known yet."""
        if batch not in self._found:
            if engine is None:
                raise ValueError(f"batch {batch}: its predictions are not made yet")
            logs = [_log_softmax(logits) for logits in _logits(engine, self.batches[batch])]
            self._found[batch] = [(np.exp(rows), rows) for rows in logs]
        return self._found[batch]

    def divergence(
        self, engine: OpenEngine, steps: FinishedSteps | None = None, inputs: Mapping[str, Any] | None = None
    ) -> float:
        """KL(float32 || engine) in nats, the mean over target tokens.

        ``steps`` keeps it, and what is known of it after each batch; ``inputs``: what the engine depends on.
        """
        work = _DivergencePass(self, engine)
        batches = range(len(self.batches))
        total = (steps or FinishedSteps(None, {})).grown("divergence", inputs or {}, batches, work)
        mean_divergence = max(total / self.pairs.target_tokens, 0.0)
        return float(f"{mean_divergence:.{_DIGITS}g}")


class _DivergencePass:
    """Adds up KL over batches of pairs; a GrowingStep. Its state is the sum over target tokens, in nats.

    With d = log p - logits it is sum p d + log(1 + sum p (exp(-d) - 1)): the logits need no normalizing, and
    nothing cancels where the two are close.
    """

    def __init__(self, predictions: Float32Predictions, engine: OpenEngine) -> None:
        self._predictions = predictions
        self._engine = engine
        self._opened = contextlib.ExitStack()
        self._float32: ForcedEngine | None = None
        self._total = 0.0

    def begin(self, done: int, state: Any) -> None:
        self._total = state if done else 0.0
        self._measured = self._opened.enter_context(self._engine())

    def add(self, unit: int) -> None:
        predictions = self._predictions
        if not predictions.known(unit) and self._float32 is None:
            self._float32 = self._opened.enter_context(predictions.float32())
        expected = predictions.of_batch(unit, self._float32)
        every = _logits(self._measured, predictions.batches[unit])
        for (p, log_p), logits in zip(expected, every, strict=True):
            difference = log_p - logits
            difference -= np.sum(p * difference, axis=1, keepdims=True, dtype=np.float64)
            mean = np.sum(p * difference, axis=1, dtype=np.float64)
            excess = np.sum(p * np.expm1(np.minimum(-difference, _MOST)), axis=1, dtype=np.float64)
            self._total += float(np.sum(mean + np.log1p(excess)))

    def state(self) -> float:
        return self._total

    def close(self) -> None:
        self._opened.close()


def _logits(engine: ForcedEngine, pairs: Pairs) -> Iterator[FloatArray]:
    for batch in pairs.batches(_SENTENCES_AT_ONCE):
        yield from engine.forced_logits(batch.sources, batch.targets)


def _log_softmax(logits: FloatArray) -> FloatArray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalizer = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    found: FloatArray = (shifted - normalizer).astype(np.float32)
    return found

"""How far a quantized model's predictions are from float32's: KL divergence per target token.

Teacher-forced on fixed targets, so no search is involved: exact, quick, and the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from octavo.calibration.text.pairs import Pairs
from octavo.engine.engine import TokenIds

FloatArray = npt.NDArray[np.float32]

_SENTENCES_AT_ONCE: Final = 8
_MOST_LOGITS: Final = 1 << 26
"""Float32's log-probabilities stay in memory: at most 256 MiB of them, and as much of probabilities."""
_MOST: Final = np.float32(80)
"""Farther apart than exp can say in binary32: such a model is broken, by whatever number."""


_DIGITS: Final = 4
"""Significant digits that count: beyond them numpy differs from CPU to CPU (the engine does not)."""


class ForcedEngine(Protocol):
    """What scoring needs of an engine; see octavo.engine.Engine."""

    def forced_logits(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds]) -> list[FloatArray]:
        """float32 [len(target) + 1, vocabulary] for each pair."""


class Float32Predictions:
    """Float32's predictions on sentence pairs, to measure others against.

    Takes as many of ``pairs`` as fit its memory. ``pairs``: those it took.
    """

    def __init__(self, engine: ForcedEngine, pairs: Pairs, vocabulary: int) -> None:
        self.pairs = pairs.first(_MOST_LOGITS // vocabulary)
        self._log_probabilities = [_log_softmax(logits) for logits in _logits(engine, self.pairs)]
        self._probabilities = [np.exp(rows) for rows in self._log_probabilities]

    def divergence(self, engine: ForcedEngine) -> float:
        """KL(float32 || engine) in nats, the mean over target tokens.

        With d = log p - logits it is sum p d + log(1 + sum p (exp(-d) - 1)): the logits need no
        normalizing, and nothing cancels where the two are close.
        """
        total = 0.0
        predictions = zip(
            self._probabilities, self._log_probabilities, _logits(engine, self.pairs), strict=True
        )
        for p, log_p, logits in predictions:
            difference = log_p - logits
            difference -= np.sum(p * difference, axis=1, keepdims=True, dtype=np.float64)
            mean = np.sum(p * difference, axis=1, dtype=np.float64)
            excess = np.sum(p * np.expm1(np.minimum(-difference, _MOST)), axis=1, dtype=np.float64)
            total += float(np.sum(mean + np.log1p(excess)))
        mean_divergence = max(total / self.pairs.target_tokens, 0.0)
        return float(f"{mean_divergence:.{_DIGITS}g}")


def _logits(engine: ForcedEngine, pairs: Pairs) -> Iterator[FloatArray]:
    for batch in pairs.batches(_SENTENCES_AT_ONCE):
        yield from engine.forced_logits(batch.sources, batch.targets)


def _log_softmax(logits: FloatArray) -> FloatArray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalizer = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    found: FloatArray = (shifted - normalizer).astype(np.float32)
    return found

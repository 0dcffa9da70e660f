"""KL of logits against its definition, near and far."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import pytest

from octavo.calibration.measure.float32_predictions import Float32Predictions
from octavo.calibration.text.pairs import Pairs

VOCABULARY = 500
LENGTHS = (1, 7, 12, 30, 3, 9, 4, 5, 11, 2)
PAIRS = Pairs(
    tuple(np.arange(n, dtype=np.int32) for n in LENGTHS), tuple(np.arange(n, dtype=np.int32) for n in LENGTHS)
)


class Logits:
    """Random logits that depend on the pair alone, and noise."""

    def __init__(self, noise: float = 0.0, shift: float = 0.0) -> None:
        self.noise, self.shift = noise, shift

    def forced_logits(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [self.of(target) for target in targets]

    def of(self, target: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(len(target))
        logits = 4 * rng.standard_normal((len(target) + 1, VOCABULARY))
        noise = self.noise * rng.standard_normal(logits.shape)
        return (logits + noise + self.shift).astype(np.float32)


def definition(p: Logits, q: Logits) -> float:
    def log_softmax(logits: np.ndarray) -> np.ndarray:
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    rows = [(log_softmax(p.of(t)), log_softmax(q.of(t))) for t in PAIRS.targets]
    return sum(float((np.exp(a) * (a - b)).sum()) for a, b in rows) / PAIRS.target_tokens


def divergence(measured: Logits) -> float:
    predictions = Float32Predictions(lambda: nullcontext(Logits()), PAIRS, VOCABULARY)
    return predictions.divergence(lambda: nullcontext(measured))


def test_the_same_predictions_have_none() -> None:
    found = divergence(Logits())
    assert 0 <= found < 1e-9


def test_logits_may_be_shifted() -> None:
    found = divergence(Logits(shift=3.0))
    assert 0 <= found < 1e-9


@pytest.mark.parametrize("noise", [1e-3, 1e-2, 0.1, 1.0, 5.0])
def test_the_definition(noise: float) -> None:
    found = divergence(Logits(noise))
    assert found == pytest.approx(definition(Logits(), Logits(noise)), rel=2e-3)


def test_a_broken_model_has_a_finite_one() -> None:
    assert 20 < divergence(Logits(1e4)) < np.inf


def test_pairs_fit_the_memory() -> None:
    predictions = Float32Predictions(lambda: nullcontext(Logits()), PAIRS, 1 << 22)
    assert len(predictions.pairs) == 2  # 2 + 8 rows of 2^22 logits
    assert len(PAIRS.first(1)) == 1
    assert [len(batch) for batch in PAIRS.batches(4)] == [4, 4, 2]

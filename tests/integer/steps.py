"""Decoding step by step gives the logits of the whole target at once, whatever is kept of the sentences."""

from __future__ import annotations

from typing import Any

import numpy as np

from octavo.integer import ForwardPass
from octavo.scale_propagation import ScaledTensor


def check_steps(forward: ForwardPass[Any], *, exact: bool) -> None:
    """Three sentences; after the second token one is dropped, one kept twice, and the order turned."""
    random = np.random.default_rng(1)
    source, target = random.integers(4, 96, (3, 6)), random.integers(4, 96, (3, 5))
    if forward.config.is_language_model:
        source = source[:, :0]
    rows = np.array([2, 0, 2])
    before, after = (
        _numbers(forward.logits(source, target)),
        _numbers(forward.logits(source[rows], target[rows])),
    )
    cache = forward.start(source)
    for t in range(5):
        if t == 2:
            cache.select(rows)
        tokens = target[:, t] if t < 2 else target[rows, t]
        found = _numbers(forward.step(tokens, cache))
        expected = (before if t < 2 else after)[:, t : t + 1]
        assert found.shape == expected.shape and cache.length == t + 1
        if exact:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def _numbers(logits: Any) -> np.ndarray:
    return logits.dequantize() if isinstance(logits, ScaledTensor) else logits

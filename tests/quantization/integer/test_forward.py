"""Decoding step by step gives the integers of the whole target at once, whatever is kept of the sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.quantization.integer.frozen_models import float_model, frozen

from octavo.quantization import TensorModel
from octavo.quantization.integer import (
    DynamicArithmetic,
    DynamicForm,
    ForwardPass,
    MixedArithmetic,
    Part,
    RealArithmetic,
    StaticArithmetic,
)
from octavo.scale_propagation import ScaledTensor


def mixed(model: TensorModel) -> MixedArithmetic:
    integers, scales = frozen(model)
    parts = [Part.ATTENTION, Part.NORM]
    logits = integers.integer_scales.logits
    return MixedArithmetic(RealArithmetic(model), StaticArithmetic(integers), scales, logits, parts)


ARITHMETICS: dict[str, Callable[[TensorModel], Any]] = {
    "real": RealArithmetic,
    "static": lambda model: StaticArithmetic(frozen(model)[0]),
    "dynamic": DynamicArithmetic,
    "dynamic, int8 residual": lambda model: DynamicArithmetic(model, DynamicForm(residual_bits=8)),
    "mixed": mixed,
}


def numbers(logits: Any) -> np.ndarray:
    return logits.dequantize() if isinstance(logits, ScaledTensor) else logits


@pytest.mark.parametrize("arithmetic", ARITHMETICS.values(), ids=ARITHMETICS)
def test_steps_equal_the_whole_target(arithmetic: Callable[[TensorModel], Any]) -> None:
    """Three sentences; after the second token one is dropped, one kept twice, and the order turned."""
    model, random = float_model(), np.random.default_rng(1)
    forward = ForwardPass(model.config, arithmetic(model))
    source, target = random.integers(4, 96, (3, 6)), random.integers(4, 96, (3, 5))
    rows = np.array([2, 0, 2])
    before, after = (
        numbers(forward.logits(source, target)),
        numbers(forward.logits(source[rows], target[rows])),
    )
    state = forward.start(source)
    for t in range(5):
        if t == 2:
            state.select(rows)
        tokens = target[:, t] if t < 2 else target[rows, t]
        found = numbers(forward.step(tokens, state))
        expected = (before if t < 2 else after)[:, t : t + 1]
        assert found.shape == expected.shape and state.length == t + 1
        if isinstance(forward.arithmetic, (RealArithmetic, MixedArithmetic)):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
        else:
            np.testing.assert_array_equal(found, expected)

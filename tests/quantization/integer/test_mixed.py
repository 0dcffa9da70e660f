"""Between no part in integers, which is real arithmetic, and all, which is the static form."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from tests.models import integer_config
from tests.quantization.integer.frozen_models import SOURCE, TARGET, float_model, frozen, relative_error

from octavo.quantization.integer import (
    ForwardPass,
    MixedArithmetic,
    Part,
    RealArithmetic,
    RealSimulation,
    StaticArithmetic,
    StaticSimulation,
    source_tokens,
    target_tokens,
)
from octavo.spec import ModelConfig, Positions

CONFIGS = {
    "plain": integer_config(),
    "learned, untied": integer_config(
        positions=Positions.LEARNED, shared_embeddings=False, tied_output=False, output_bias=True,
        polynomial_degree=2,
    ),
}  # fmt: skip


def logits(config: ModelConfig, parts: Collection[Part], stream_shift: int = 0) -> np.ndarray:
    model = float_model(config)
    integers, scales = frozen(model)
    static = StaticArithmetic(integers, stream_shift=stream_shift)
    mixed = MixedArithmetic(
        RealArithmetic(model), static, scales, integers.integer_scales.logits, frozenset(parts)
    )
    tokens = source_tokens(config, SOURCE), target_tokens(config, TARGET)
    found: np.ndarray = ForwardPass(config, mixed).logits(*tokens)[0]
    return found


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_all_parts_are_the_static_form(config: ModelConfig) -> None:
    """The same integers; only the scale of the logits is taken out."""
    integers, _ = frozen(float_model(config))
    found = logits(config, list(Part)) * integers.integer_scales.logits
    expected = StaticSimulation(integers).logits(SOURCE, TARGET)
    np.testing.assert_array_equal(np.rint(found), expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_no_part_is_real_arithmetic(config: ModelConfig) -> None:
    expected = RealSimulation(float_model(config)).logits(SOURCE, TARGET)
    np.testing.assert_array_equal(logits(config, []), expected)


@pytest.mark.parametrize("part", Part)
def test_one_part_costs_little_but_something(part: Part) -> None:
    config = CONFIGS["plain"]
    expected = RealSimulation(float_model(config)).logits(SOURCE, TARGET)
    loss = relative_error(logits(config, [part]), expected)
    assert 0 < loss < (1e-3 if part is Part.RESIDUAL else 0.05)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_bits_of_the_stream_decide_what_it_costs(config: ModelConfig) -> None:
    """Two bits fewer of rounding are four times the error; eight fewer are felt in the whole model."""
    expected = RealSimulation(float_model(config)).logits(SOURCE, TARGET)
    by_shift = {
        shift: relative_error(logits(config, [Part.RESIDUAL], shift), expected) for shift in (-8, -6, 0, 5)
    }
    assert by_shift[-8] > 2 * by_shift[-6] > 40 * by_shift[0] > 400 * by_shift[5]
    whole = {s: relative_error(logits(config, list(Part), s), expected) for s in (-8, 0, 5)}
    assert whole[-8] > 1.5 * whole[0] and abs(whole[5] / whole[0] - 1) < 0.2

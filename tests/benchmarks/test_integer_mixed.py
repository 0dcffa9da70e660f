"""Between no part in integers, which is real arithmetic, and all, which is the static form."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from benchmarks.integer_mixed import MixedArithmetic, Part
from benchmarks.integer_stream import ShiftedStreamArithmetic, shifted_scales
from tests.integer.frozen_models import SOURCE, TARGET, float_model, frozen, relative_error
from tests.integer.steps import check_steps
from tests.models import integer_config

from octavo.integer import ForwardPass, RealArithmetic, RealTransformer
from octavo.model.config import ModelConfig, Positions
from octavo.simulation import IntegerSimulation

CONFIGS = {
    "plain": integer_config(),
    "learned, untied": integer_config(
        positions=Positions.LEARNED, shared_embeddings=False, tied_output=False, output_bias=True,
        polynomial_degree=2,
    ),
}  # fmt: skip


def forward_pass(
    config: ModelConfig, parts: Collection[Part], stream_shift: int = 0
) -> ForwardPass[np.ndarray]:
    model = float_model(config)
    integers, scales = frozen(model)
    assert integers.integer_scales is not None
    mixed = MixedArithmetic(
        RealArithmetic(model),
        ShiftedStreamArithmetic(integers, stream_shift),
        shifted_scales(scales, stream_shift),
        integers.integer_scales.logits,
        frozenset(parts),
    )
    return ForwardPass(config, mixed)


def logits(config: ModelConfig, parts: Collection[Part], stream_shift: int = 0) -> np.ndarray:
    return forward_pass(config, parts, stream_shift).forced(SOURCE, TARGET)[0]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_all_parts_are_the_static_form(config: ModelConfig) -> None:
    """The same integers; only the scale of the logits is taken out."""
    integers, _ = frozen(float_model(config))
    found = logits(config, list(Part)) * integers.integer_scales.logits
    expected = IntegerSimulation(integers).logits(SOURCE, TARGET)
    np.testing.assert_array_equal(np.rint(found), expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_no_part_is_real_arithmetic(config: ModelConfig) -> None:
    expected = RealTransformer(float_model(config)).logits(SOURCE, TARGET)
    np.testing.assert_array_equal(logits(config, []), expected)


@pytest.mark.parametrize("part", Part)
def test_one_part_costs_little_but_something(part: Part) -> None:
    config = CONFIGS["plain"]
    expected = RealTransformer(float_model(config)).logits(SOURCE, TARGET)
    loss = relative_error(logits(config, [part]), expected)
    assert 0 < loss < (1e-3 if part is Part.RESIDUAL else 0.05)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_bits_of_the_stream_decide_what_it_costs(config: ModelConfig) -> None:
    """Two bits fewer of rounding are four times the error; eight fewer are felt in the whole model."""
    expected = RealTransformer(float_model(config)).logits(SOURCE, TARGET)
    by_shift = {
        shift: relative_error(logits(config, [Part.RESIDUAL], shift), expected) for shift in (-8, -6, 0, 5)
    }
    assert by_shift[-8] > 2 * by_shift[-6] > 40 * by_shift[0] > 400 * by_shift[5]
    whole = {s: relative_error(logits(config, list(Part), s), expected) for s in (-8, 0, 5)}
    assert whole[-8] > 1.5 * whole[0] and abs(whole[5] / whole[0] - 1) < 0.2


def test_steps_equal_the_whole_target() -> None:
    check_steps(forward_pass(CONFIGS["plain"], [Part.ATTENTION, Part.NORM]), exact=False)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_stream_that_is_not_shifted_is_the_engines(config: ModelConfig) -> None:
    integers, _ = frozen(float_model(config))
    found = ForwardPass(config, ShiftedStreamArithmetic(integers, 0)).forced(SOURCE, TARGET)[0]
    np.testing.assert_array_equal(found, IntegerSimulation(integers).logits(SOURCE, TARGET))

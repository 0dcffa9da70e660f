"""int8 weights: the written rounding rule and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from octavo.errors import QuantizationError
from octavo.quantization.weights import quantize_weight, squared_norms

NORMAL = float(np.finfo(np.float32).tiny)
HUGE = 2.0**120


def matrices(largest: float) -> st.SearchStrategy[np.ndarray]:
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)
    return hnp.arrays(np.float32, shapes, elements=st.floats(-largest, largest, width=32))


@settings(max_examples=200, deadline=None)
@given(matrices(HUGE))
def test_round_trip_is_within_half_a_step(weight: np.ndarray) -> None:
    """|w - q * scale| <= scale / 2, but for the rounding of scale itself and of the quotient."""
    found = quantize_weight("w", weight)
    assert found.values.dtype == np.int8 and found.scale.dtype == np.float32
    largest = np.abs(weight).max(axis=1)
    normal = largest >= 127 * NORMAL  # a scale that is subnormal has fewer bits
    step = found.scale[:, None].astype(np.float64)
    error = np.abs(weight - found.values * step)
    assert np.all(error[normal] <= step[normal] * (0.5 + 127 * 2.0**-23))
    assert np.all(np.abs(found.values)[normal].max(axis=1) == 127)


@settings(max_examples=200, deadline=None)
@given(matrices(1.0))
def test_quantizing_again_changes_nothing(weight: np.ndarray) -> None:
    """Row by row at scale 1 / 127 * max: the integers are a fixed point."""
    found = quantize_weight("w", weight)
    if np.all((found.scale == 0) | (found.scale >= NORMAL)):
        np.testing.assert_array_equal(quantize_weight("w", found.dequantize()).values, found.values)


@settings(max_examples=100, deadline=None)
@given(matrices(HUGE))
def test_rows_and_signs_are_independent(weight: np.ndarray) -> None:
    found = quantize_weight("w", weight)
    np.testing.assert_array_equal(quantize_weight("w", -weight).values, -found.values)
    for row in range(len(weight)):
        alone = quantize_weight("w", weight[row : row + 1])
        np.testing.assert_array_equal(alone.values[0], found.values[row])
        assert alone.scale[0] == found.scale[row]


def test_ties_go_to_even_and_the_ends_are_reached() -> None:
    """scale is exactly 0.25."""
    weight = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, 127, -127, 0.49]], np.float32) / 4
    found = quantize_weight("w", weight)
    assert found.scale.tolist() == [0.25]
    assert found.values.tolist() == [[0, 2, 2, 0, -2, -2, 126, 127, -127, 0]]


def test_rows_of_zeros_have_scale_zero() -> None:
    found = quantize_weight("w", np.array([[0.0, -0.0], [1.0, -0.5]], np.float32))
    assert found.scale[0] == 0 and found.scale[1] > 0
    assert found.values.tolist() == [[0, 0], [127, -64]]
    assert quantize_weight("w", np.zeros((3, 4), np.float32)).dequantize().tolist() == [[0.0] * 4] * 3


@pytest.mark.parametrize("largest", [2.0**-149, 2.0**-140, 1e-38, 1e-30, 1e30, 3e38])
def test_tiny_and_huge_rows_stay_finite(largest: float) -> None:
    weight = np.array([[largest, -largest / 2, 0]], np.float32)
    found = quantize_weight("w", weight)
    assert np.isfinite(found.scale).all() and np.isfinite(found.dequantize()).all()
    if found.scale[0] == 0:
        assert not found.values.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_refused(bad: float) -> None:
    weight = np.ones((3, 4), np.float32)
    weight[1, 2] = bad
    with pytest.raises(QuantizationError, match=r"layers\.0\.weight: row 1 holds NaN or infinity"):
        quantize_weight("layers.0.weight", weight)


def test_squared_norms_are_those_of_the_whole_matrix() -> None:
    """Also over more rows than are taken at once."""
    weight = np.random.default_rng(0).normal(size=(2500, 7)).astype(np.float32)
    quantized = quantize_weight("w", weight)
    exact = weight.astype(np.float64)
    difference = exact - quantized.values * quantized.scale[:, None].astype(np.float64)
    assert squared_norms(weight, quantized) == pytest.approx((np.sum(difference**2), np.sum(exact**2)))

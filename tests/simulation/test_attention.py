"""int8 attention and static activations: cases done by hand, and plain integer loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.model.plan import QuantizationPlan, Static
from octavo.quantization.activations import quantize_activation, quantize_heads
from octavo.simulation.attention import context_of, scores_of
from octavo.simulation.binary32 import exp

SIDES = ("queries", "keys", "values")


def attention_plan(*scales: tuple[float, ...], float32: frozenset[str] = frozenset()) -> QuantizationPlan:
    """Scales of the queries, keys and values of an attention called ``a``."""
    return QuantizationPlan(float32, {}, {f"a.{side}": s for side, s in zip(SIDES, scales, strict=True)})


def test_static_rows_by_hand() -> None:
    """Scale 1/2, zero point 3: from -3 to 252 steps; ties to even before the zero point is added."""
    x = np.array([[0, 0.5, 0.25, 0.75, -0.25, -0.75, -1.5, -9, 126, 127, 1e30]], np.float32)
    found = quantize_activation(x, Static(0.5, 3))
    assert found.values.tolist() == [[3, 4, 3, 5, 3, 1, 0, 0, 255, 255, 255]]
    assert found.signed().tolist() == [[0, 1, 0, 2, 0, -2, -3, -3, 252, 252, 252]]
    assert (found.row_scale.tolist(), found.zero_point) == ([0.5], 3)


def test_static_rows_of_a_narrow_range_by_hand() -> None:
    x = np.array([[0, -127, -127.4, -127.5, -128, -1e30, 127, 1e30]], np.float32)
    narrow, full = (quantize_activation(x, Static(1.0, 128, is_narrow)) for is_narrow in (True, False))
    assert narrow.signed().tolist() == [[0, -127, -127, -127, -127, -127, 127, 127]]
    assert full.signed().tolist() == [[0, -127, -127, -128, -128, -128, 127, 127]]


def test_huge_values_over_a_tiny_scale_saturate() -> None:
    x = np.array([[3e38, -3e38, 0]], np.float32)
    assert quantize_activation(x, Static(2.0**-100, 7)).values.tolist() == [[255, 0, 7]]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20),
    st.floats(2.0**-10, 2.0),
    st.integers(0, 255),
    st.booleans(),
)
def test_static_error_is_half_a_step_inside_the_range(
    row: list[float], scale: float, zero_point: int, is_narrow: bool
) -> None:
    """Outside it the nearest end is taken. A zero is exact whatever the zero point."""
    how = Static(scale, zero_point, narrow_range=is_narrow and zero_point > 0)
    found = quantize_activation(np.array([[*row, 0.0]], np.float32), how).signed()[0].astype(np.float64)
    exact = np.clip(np.array([*row, 0.0]) / how.scale, *how.limits)
    assert np.abs(found - exact).max() <= 0.5 + 1e-4
    assert found[-1] == 0


def test_scores_by_hand() -> None:
    """Two heads of four channels, so f = 1/2; scales 1/2 and 1/4, then 1 and 2."""
    plan = attention_plan((0.5, 1.0), (0.25, 2.0), (1.0, 1.0))
    query = np.array([[[1, -1.5, 0.25, 100]], [[3, 0, 0, -200]]], np.float32)  # steps 2 -3 0 127; 3 0 0 -128
    key = np.array(
        [[[0.5, 0.25, 9, 0], [0, 0, 0, 0.25]], [[4, 9, 9, 2], [0, 0, 0, -2]]], np.float32
    )  # steps 2 1 36 0, 0 0 0 1; 2 4 4 1 (4.5 to even), 0 0 0 -1
    scores = scores_of(plan, "a", query, key)
    assert scores(0, 2).tolist() == [
        [(4 - 3) * 0.0625, 127 * 0.0625],
        [(6 - 128) * 1.0, 128 * 1.0],
    ]
    assert scores(0, 1).tolist() == [[0.0625], [-122.0]]


def test_context_by_hand() -> None:
    """Weights 255, 128 (127.5 to even) and 0 (0.49): their sum divides, not the float sum."""
    plan = attention_plan((1.0,), (1.0,), (0.5,))
    value = np.array([[[1, -3], [-64, 63.5], [50, 50], [7, 7]]], np.float32)  # steps 2 -6, -128 127, 100 100
    weights = np.array([[1, 0.5, 0.49 / 255]], np.float32)
    found = context_of(plan, "a", value)(weights)
    factor = np.float32(0.5) / np.float32(383)
    sums = [255 * 2 + 128 * -128, 255 * -6 + 128 * 127]
    assert found.tolist() == [[float(np.float32(total) * factor) for total in sums]]


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9))  # heads, keys, head_dim


@settings(max_examples=100, deadline=None)
@given(SHAPES, st.integers(0, 2**32 - 1))
def test_int8_attention_equals_plain_loops(shape: tuple[int, int, int], seed: int) -> None:
    """Integers in Python, floats rounded where docs/numerics.md rounds."""
    heads, keys, width = shape
    random = np.random.default_rng(seed)
    query, key, value = (
        random.normal(0, 2, (heads, rows, width)).astype(np.float32) for rows in (1, keys, keys)
    )
    scales = [tuple(np.float32(random.uniform(0.005, 0.1, heads)).tolist()) for _ in SIDES]
    plan = attention_plan(*scales)
    scores = scores_of(plan, "a", query, key)(0, keys)
    weights = exp(scores - scores.max(axis=-1, keepdims=True))
    context = context_of(plan, "a", value)(weights)
    factor = np.float32(1 / math.sqrt(width))
    for head in range(heads):
        q, k, v = (_steps(x[head], s[head]) for x, s in zip((query, key, value), scales, strict=True))
        scale = np.float32(scales[0][head]) * np.float32(scales[1][head]) * factor
        for j in range(keys):
            total = sum(q[0][c] * k[j][c] for c in range(width))
            assert scores[head, j] == np.float32(total) * scale
        levels = [round(float(weights[head, j] * np.float32(255))) for j in range(keys)]
        assert max(levels) == 255
        inverse = np.float32(scales[2][head]) / np.float32(sum(levels))
        for c in range(width):
            total = sum(levels[j] * v[j][c] for j in range(keys))
            assert context[head, c] == np.float32(total) * inverse


def _steps(x: np.ndarray, scale: float) -> list[list[int]]:
    inverse = np.float32(1) / np.float32(scale)
    return [[round(min(127.0, max(-128.0, float(v * inverse)))) for v in row] for row in x]


@pytest.mark.parametrize("left", [("scores",), ("context",), ("scores", "context")])
def test_each_product_of_attention_is_left_on_its_own(left: tuple[str, ...]) -> None:
    """The one in float32 is that of a float model, whatever the scales say."""
    random = np.random.default_rng(1)
    query, key, value = (random.normal(size=(2, rows, 8)).astype(np.float32) for rows in (3, 4, 4))
    weights = exp(-np.abs(random.normal(size=(2, 3))).astype(np.float32))
    plan = attention_plan((0.1, 0.2), (0.2, 0.1), (0.3, 0.1), float32=frozenset(f"a.{p}" for p in left))
    same_scores = scores_of(plan, "a", query, key)(2, 3) == scores_of(None, "a", query, key)(2, 3)
    same_context = context_of(plan, "a", value)(weights) == context_of(None, "a", value)(weights)
    assert same_scores.all() == ("scores" in left)
    assert same_context.all() == ("context" in left)


def test_heads_have_their_own_scales() -> None:
    x = np.ones((2, 1, 3), np.float32)
    assert quantize_heads(x, (0.5, 0.125)).tolist() == [[[130] * 3], [[136] * 3]]

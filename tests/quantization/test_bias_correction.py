"""Bias correction against the mean error measured directly."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.quantization.bias_correction import bias_correction
from octavo.quantization.weights import quantize_weight

ROWS, INNER, OUTER = 4000, 24, 10


def quantized_input(x: np.ndarray, largest: float) -> np.ndarray:
    """Symmetric, 255 levels, clipped at ``largest``."""
    scale = largest / 127
    return np.clip(np.rint(x / scale), -127, 127) * scale


def test_the_mean_error_vanishes() -> None:
    """Skewed channels clipped hard: the corrected product is right on average, the plain one is not."""
    rng = np.random.default_rng(0)
    x = rng.exponential(1, (ROWS, INNER)) * rng.uniform(0.5, 3, INNER)
    weight = rng.normal(0, 1, (OUTER, INNER)).astype(np.float32)
    rounded = quantize_weight("w", weight).dequantize()
    x_quantized = quantized_input(x, 2)
    error = x @ weight.astype(np.float64).T - x_quantized @ rounded.astype(np.float64).T
    delta = bias_correction(weight, rounded, x.mean(axis=0), x_quantized.mean(axis=0))
    assert delta.shape == (OUTER,) and delta.dtype == np.float32
    assert np.abs(error.mean(axis=0)).max() > 0.5
    np.testing.assert_allclose(error.mean(axis=0), delta, atol=1e-5)


def test_both_terms_by_hand() -> None:
    """(W - W_q) E[x] + W_q (E[x] - E[x_q])."""
    weight = np.array([[1.25, -2.0], [0.5, 4.0]], np.float32)
    rounded = np.array([[1.0, -2.0], [0.0, 4.5]], np.float32)
    mean, mean_quantized = np.array([2.0, 1.0]), np.array([1.5, 3.0])
    first = np.array([0.25 * 2, 0.5 * 2 - 0.5 * 1])
    second = np.array([1 * 0.5 - 2 * -2, 4.5 * -2])
    delta = bias_correction(weight, rounded, mean, mean_quantized)
    np.testing.assert_array_equal(delta, first + second)


def test_an_exact_product_needs_none() -> None:
    weight = np.random.default_rng(1).normal(size=(OUTER, INNER)).astype(np.float32)
    mean = np.random.default_rng(2).normal(size=INNER).astype(np.float32)
    np.testing.assert_array_equal(bias_correction(weight, weight, mean, mean), np.zeros(OUTER))


@pytest.mark.parametrize("wrong", range(4))
def test_shapes_must_fit(wrong: int) -> None:
    shapes = [(OUTER, INNER), (OUTER, INNER), (INNER,), (INNER,)]
    shapes[wrong] = (7, *shapes[wrong][1:])
    with pytest.raises(ValueError, match="must be"):
        bias_correction(*(np.zeros(shape, np.float32) for shape in shapes))

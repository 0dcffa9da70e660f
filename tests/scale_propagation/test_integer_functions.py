"""What is put together from the rules of Scale Propagation: L1 layer norm and polynomial attention.

Bit for bit against plain Python integers; within bounds derived here against exact arithmetic.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scale_propagation import plain_scales as plain

from octavo import scale_propagation as sp

HALF = Fraction(1, 2)


def plain_normalized(row: list[int], fraction_bits: int) -> list[int]:
    """(x - mean) / mean |x - mean| times 2^fraction_bits."""
    centred = [len(row) * x - sum(row) for x in row]
    deviation = max(1, sum(abs(c) for c in centred))
    factor = plain.over(plain.of_integer(len(row) << fraction_bits), plain.of_integer(deviation))
    return [plain.apply(c, factor) for c in centred]


def exact_normalized(row: list[int]) -> list[Fraction]:
    """The same in rationals, without the bits; a row of equal integers gives zeros."""
    mean = Fraction(sum(row), len(row))
    deviation = sum(abs(x - mean) for x in row) / len(row)
    return [(x - mean) / deviation if deviation else Fraction(0) for x in row]


def adversarial_rows(width: int, limit: int) -> np.ndarray:
    """Equal, nearly equal, one outlier, two halves, a ramp, heavy tails."""
    random = np.random.default_rng(width)
    outlier = np.zeros(width)
    outlier[0] = limit
    halves = np.where(np.arange(width) % 2, limit, -limit)
    heavy = np.clip(random.standard_t(2, width) * limit / 50, -limit, limit)
    rows = [np.full(width, limit), np.arange(width) == 1, outlier, -outlier, halves]
    return np.rint([*rows, np.linspace(-limit, limit, width), heavy]).astype(np.int64)


@pytest.mark.parametrize("width", [1, 2, 3, 64, 256, 512, 1024])
@pytest.mark.parametrize("limit", [127, 32767])
def test_l1_norm_is_one_rounding_of_the_normalized_row(width: int, limit: int) -> None:
    """Half a unit of 2^-fraction_bits times the gain, and what the factor's 31 bits leave."""
    random = np.random.default_rng(limit)
    usual = np.clip(np.rint(random.normal(0, limit / 4, (8, width))), -limit, limit)
    rows = np.concatenate([adversarial_rows(width, limit), usual.astype(np.int64)])
    parameters = sp.quantize_norm_parameters(random.normal(1, 0.3, width), random.normal(0, 0.5, width))
    scale = sp.Scale.of(np.exp2(random.uniform(-3, 9, (len(rows), 1))))
    storage = np.int8 if limit == 127 else np.int16
    found = sp.l1_layer_norm(sp.ScaledTensor(rows.astype(storage), scale, limit), parameters)
    gain, bias = parameters.gain.integers.tolist(), parameters.bias.integers.tolist()
    bits = parameters.fraction_bits
    for i, row in enumerate(rows.tolist()):
        expected = [n * g + b for n, g, b in zip(plain_normalized(row, bits), gain, bias, strict=True)]
        assert found.integers[i].tolist() == expected
        for j, normalized in enumerate(exact_normalized(row)):
            units = HALF + abs(normalized) * Fraction(2**bits, 2**29)
            exact = normalized * 2**bits * gain[j] + bias[j]
            assert abs(int(found.integers[i, j]) - exact) <= units * abs(gain[j])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=40))
def test_l1_norm_of_any_row(row: list[int]) -> None:
    """Gain 1 and no bias: within a unit of the normalized row, whatever the row and its scale."""
    parameters = sp.quantize_norm_parameters(np.ones(len(row)), np.zeros(len(row)))
    found = sp.l1_layer_norm(
        sp.ScaledTensor(np.array([row], np.int16), sp.Scale.of([[0.1]]), 32767), parameters
    )
    expected = [float(x) / math.sqrt(math.pi / 2) for x in exact_normalized(row)]
    np.testing.assert_allclose(found.dequantize()[0], expected, rtol=1e-4, atol=0.51 / 1024)


def test_a_row_of_equal_integers_gives_the_bias() -> None:
    bias = np.linspace(-2, 2, 8)
    parameters = sp.quantize_norm_parameters(np.ones(8), bias)
    x = sp.ScaledTensor(np.full((1, 8), 77, np.int8), sp.Scale.of([[3.0]]), 127)
    found = sp.l1_layer_norm(x, parameters).dequantize()[0]
    np.testing.assert_allclose(found, bias, atol=1e-6)


@pytest.mark.parametrize("largest_bias", [0.0, 1.0, 1e3])
@pytest.mark.parametrize("width", [32, 512, 2048])
def test_norm_parameters_keep_int32_whatever_the_row(width: int, largest_bias: float) -> None:
    gain, bias = np.linspace(-3, 3, width), np.linspace(-largest_bias, largest_bias, width)
    parameters = sp.quantize_norm_parameters(gain, bias)
    rows = adversarial_rows(width, 32767).astype(np.int16)
    found = sp.l1_layer_norm(sp.ScaledTensor(rows, sp.Scale.of([[1.0]]), 32767), parameters)
    assert found.limit <= sp.INT32_LIMIT
    largest = 3 / math.sqrt(math.pi / 2)
    np.testing.assert_allclose(
        parameters.gain.dequantize() * math.sqrt(math.pi / 2), gain, atol=largest / 127
    )
    np.testing.assert_allclose(
        parameters.bias.dequantize(), bias, atol=0.51 / parameters.bias.scale.real()[0]
    )


def exact_attention(
    shifted: np.ndarray, value: np.ndarray, degree: int, delta: float, visible: np.ndarray
) -> np.ndarray:
    """Equations 11 and 12 in binary64 for one head, from scores + b."""
    p = (np.maximum(shifted, 0) ** degree + abs(delta)) * visible
    total = p.sum(axis=-1, keepdims=True)
    mean: np.ndarray = np.where(total > 0, p @ value / np.where(total > 0, total, 1), 0)
    return mean


def polynomial(degree: int, bias: float, delta: float) -> sp.Polynomial:
    """For scores of two axes."""
    b = sp.quantize([[bias]], sp.INT16_LEVELS) if bias else None
    return sp.Polynomial(degree, b, sp.Scale.of([[delta]]) if delta else None)


@pytest.mark.parametrize("keys", [1, 7, 25, 200])
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize(("bias", "delta"), [(0.0, 0.0), (3.0, 0.0), (3.0, 0.1), (-1.0, 1e-3), (-100.0, 0.5)])
@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_polynomial_attention_is_close_to_binary64(
    keys: int, degree: int, bias: float, delta: float, spread: float
) -> None:
    """A weight is off by at most one of the 255 levels of its row's largest, where scores + b have 15 bits.

    Half a level is its own rounding, and 2^-7 the reciprocal's. With u = y / 2^15, the row's largest from 1/2
    to 1, y is off by half a unit, its power by degree / 2 * u^(degree - 1) and half a unit for each product,
    delta by half a unit: most at degree 4 and u = 1/2, where it is 1.75 of 2^11, and the largest weight as
    much: together 0.44 of a level. So the mean of values is off by at most
    keys * (spread of the values) / (sum of the weights), and half a unit.
    """
    random = np.random.default_rng(keys + degree)
    query, key, value = (
        sp.quantize(random.normal(0, size, (keys, 64)), axes=axes)
        for size, axes in ((spread, -1), (1.0, None), (1.0, None))
    )
    visible = np.tril(np.ones((keys, keys), bool))
    poly = polynomial(degree, bias, delta)
    found = sp.polynomial_attention(query, key, value, poly, visible)
    scores = sp.multiply_real(sp.matmul(query, sp.transpose(key, (1, 0))), sp.Scale.of(1 / 8))
    shifted = scores if poly.bias is None else sp.add(scores, poly.bias)
    expected = exact_attention(shifted.dequantize(), value.dequantize(), degree, delta, visible)
    weights = sp.polynomial_weights(scores, poly, visible).integers
    total = weights.sum(axis=1, dtype=np.int64)
    assert np.all(weights[~visible] == 0) and set(weights.max(axis=1).tolist()) <= {0, 255}
    span = 2 * np.abs(value.dequantize()).max()
    half_unit = 0.51 / found.scale.real().ravel()[0]
    bound = visible.sum(axis=1) * span / np.maximum(total, 1) + half_unit
    largest = np.where(visible, sp.match_along(shifted, -1).integers, 0).max(axis=1)
    fine = largest >= 2**14
    assert np.all(np.abs(found.dequantize() - expected).max(axis=1)[fine] <= bound[fine])
    silent = (largest <= 0) & (delta == 0)
    assert not found.integers[silent].any() and not expected[silent].any()


def plain_weights(
    scores: list[tuple[int, plain.Number]],
    degree: int,
    bias: tuple[int, plain.Number],
    delta: plain.Number,
    visible: list[bool],
) -> list[int]:
    """One row of unnormalized weights."""
    shifted = [plain.add(s, bias) for s in scores]
    common = plain.smaller(*(s for _, s in shifted))
    y = [plain.match(max(x, 0) * seen, s, common) for (x, s), seen in zip(shifted, visible, strict=True)]
    t = max(0, max(y).bit_length() - 15)
    y = [min(plain.round_shift(x, t), 32767) if t else x for x in y]
    own = (common[0], common[1] - t)
    scale = own
    for bit in bin(degree)[3:]:
        scale = plain.times(scale, scale)
        scale = (scale[0], scale[1] - 15)
        if bit == "1":
            scale = plain.times(scale, own)
            scale = (scale[0], scale[1] - 15)
    added = plain.times(delta, scale)
    added_integer = 32767 if plain.real(added) > 32767 else plain.apply(1, added)
    p = [
        (plain.power(x, degree, 32767)[0] + added_integer) * seen for x, seen in zip(y, visible, strict=True)
    ]
    r = 255 * 2**22 // max(1, *p)
    return [plain.round_shift(x * r, 22) for x in p]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(2**20), 2**20), min_size=2, max_size=6),
    st.integers(1, 4),
    st.floats(-8, 8).filter(lambda b: abs(b) > 1e-6),
    st.floats(1e-9, 1e3),
    st.integers(1, 63),
)
def test_weights_and_mean_equal_plain_integers(
    scores: list[int], degree: int, bias: float, delta: float, seen: int
) -> None:
    keys = len(scores)
    visible = [bool(seen >> i & 1) for i in range(keys)]
    row = sp.ScaledTensor(np.array([scores], np.int32), sp.Scale.of([[8000.0]]), 2**20)
    poly = polynomial(degree, bias, delta)
    weights = sp.polynomial_weights(row, poly, np.array([visible]))
    expected = plain_weights(
        list(plain.elements(row).values()),
        degree,
        plain.elements(poly.bias)[0, 0],
        plain.number(poly.delta, (0, 0)),
        visible,
    )
    assert weights.integers[0].tolist() == expected
    value = sp.quantize(np.random.default_rng(seen).normal(size=(keys, 3)))
    mean = sp.weighted_mean(weights, value, sp.Scale.of_integers([[256]]))
    total = max(1, sum(expected))
    factor = plain.over(plain.of_integer(256), plain.of_integer(total))
    for c in range(3):
        product = sum(p * int(v) for p, v in zip(expected, value.integers[:, c], strict=True))
        assert mean.integers[0, c] == plain.apply(product, factor)
        assert abs(mean.integers[0, c] - Fraction(256 * product, total)) <= HALF + Fraction(1, 2**14)
        assert plain.number(mean.scale, (0, 0)) == (
            int(value.scale.mantissa[0, 0]),
            int(value.scale.exponent[0, 0]) + 8,
        )


def test_the_largest_weights_sum_without_overflow() -> None:
    """All keys equal, the largest values: the mean is the value, exactly."""
    keys = 4096
    weights = sp.ScaledTensor(np.full((1, keys), 255, np.int16), sp.Scale.of([[1.0]]), 255)
    value = sp.ScaledTensor(np.full((keys, 1), -127, np.int8), sp.Scale.of([[31.0]]), 127)
    mean = sp.weighted_mean(weights, value, sp.Scale.of_integers([[256]]))
    assert mean.integers.tolist() == [[-127 * 256]] and mean.dequantize().tolist() == [[-127 / 31]]

"""binary32 arithmetic against exact rationals and binary64."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from octavo.simulation import binary32
from octavo.simulation.binary32 import chain, dot16, fma, sum16

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
MODERATE = st.floats(min_value=-(2.0**40), max_value=2.0**40, width=32)
TINY = 2.0**-149
LARGEST = float(np.finfo(np.float32).max)


def exact_round(value: Fraction, zero: float) -> float:
    """The binary32 nearest to a rational, ties to even; ``zero`` is the zero to give for 0."""
    if value == 0:
        return zero
    magnitude = abs(value)
    exponent = math.floor(math.log2(magnitude.numerator) - math.log2(magnitude.denominator))
    exponent += (magnitude >= Fraction(2) ** (exponent + 1)) - (magnitude < Fraction(2) ** exponent)
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round(magnitude / unit) * unit
    result = math.inf if rounded >= 2**128 else float(rounded)
    return math.copysign(result, value)


def check_fma(a: float, b: float, c: float) -> None:
    """fma of binary32 values against one exact rounding, bit for bit."""
    assert (a, b, c) == tuple(float(np.float32(value)) for value in (a, b, c))
    zero = a * b + c if a == 0 or b == 0 else 0.0
    expected = np.float32(exact_round(Fraction(a) * Fraction(b) + Fraction(c), zero))
    found = fma(np.float32(a), np.float32(b), np.float32(c))
    assert found.dtype == np.float32
    assert found.view(np.int32) == expected.view(np.int32), (a.hex(), b.hex(), c.hex())


@settings(max_examples=1500, deadline=None)
@given(FINITE, FINITE, FINITE)
@example(LARGEST, LARGEST, -LARGEST)
@example(LARGEST, 1.0, float.fromhex("0x1p103"))
@example(LARGEST, 1.0, float.fromhex("0x1.fffffep102"))
@example(TINY, 0.5, 0.0)
@example(TINY, 0.5, TINY)
@example(TINY, -0.5, 0.0)
@example(0.0, -1.0, 0.0)
@example(0.0, -1.0, -0.0)
def test_fma_is_rounded_once(a: float, b: float, c: float) -> None:
    check_fma(a, b, c)


@settings(max_examples=800, deadline=None)
@given(
    st.integers(2**23, 2**24 - 1),
    st.integers(2**23, 2**24 - 1),
    st.integers(-60, 60),
    st.integers(-4, 4),
)
def test_fma_where_product_and_addend_cancel(a: int, b: int, exponent: int, offset: int) -> None:
    """c is minus the product, rounded, give or take a few ulps: the sum is the product's rounding error."""
    x, y = math.ldexp(a, exponent - 23), math.ldexp(b, -23)
    near = float(np.float32(x * y))
    check_fma(x, y, -float(np.float32(near + offset * float(np.spacing(np.float32(near))))))


SIGNS = st.sampled_from([-1.0, 1.0])


@settings(max_examples=800, deadline=None)
@given(st.integers(1, 2**24 - 1), st.integers(-149, 90), SIGNS, SIGNS, st.integers(-1, 1))
def test_fma_with_a_product_of_half_an_ulp(big: int, exponent: int, s: float, t: float, side: int) -> None:
    """c is an integer of ulps, subnormal ones included; the product is half an ulp, or 2^-46 of it less."""
    half_root = exponent // 2
    left = math.ldexp(1 - side * 2.0**-23, half_root)
    right = math.ldexp(1 + side * 2.0**-23, exponent - 1 - half_root)
    check_fma(s * left, right, t * math.ldexp(big, exponent))


@settings(max_examples=800, deadline=None)
@given(st.integers(1024, 2047), st.integers(2048, 8191), st.integers(-1, 80), SIGNS, st.integers(-20, 20))
def test_fma_with_a_product_halfway_between_floats(a: int, b: int, gap: int, s: float, exponent: int) -> None:
    """A product of exactly 25 bits, and an addend that only decides the tie."""
    left, right = 2 * a + 1, 2 * b + 1
    assume((left * right).bit_length() == 25)
    check_fma(math.ldexp(left, exponent), s * right, math.ldexp(1.0, exponent - gap))


def test_fma_where_rounding_twice_goes_wrong() -> None:
    """(1 + 2^-12)^2 = 1 + 2^-11 + 2^-24 is halfway; 2^-80 decides, which binary64 alone would lose."""
    a = np.float32(1 + 2.0**-12)
    for trace, expected in ((2.0**-80, 1 + 2.0**-11 + 2.0**-23), (-(2.0**-80), 1 + 2.0**-11)):
        assert fma(a, a, np.float32(trace)) == np.float32(expected)
        assert np.float32(np.float64(a) * np.float64(a) + trace) == np.float32(1 + 2.0**-11)
        check_fma(float(a), float(a), trace)


def test_fma_over_every_pair_of_special_operands() -> None:
    values = [0.0, TINY, 2.0**-126, 2.0**-126 - TINY, 1.0, 1 + 2.0**-23, 1 - 2.0**-24, 3.0, 2.0**64, LARGEST]
    signed = values + [-value for value in values]
    for a, b, c in itertools.product(signed, signed, signed):
        check_fma(a, b, c)


def test_fma_broadcasts_and_passes_infinities() -> None:
    column, row = np.arange(3, dtype=np.float32)[:, None], np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(fma(column, row, np.float32(1)), column * row + 1)
    assert fma(np.float32(np.inf), np.float32(1), np.float32(1)) == np.inf
    assert np.isnan(fma(np.float32(np.inf), np.float32(0), np.float32(1)))


def literal_lanes(lanes: list[np.float32]) -> np.float32:
    """The tree of docs/numerics.md, one addition at a time."""
    for width in (8, 4, 2, 1):
        for lane in range(width):
            lanes[lane] = np.float32(lanes[lane] + lanes[lane + width])
    return lanes[0]


def vectors(count: int) -> st.SearchStrategy[np.ndarray]:
    shapes = st.integers(0, 70).map(lambda n: (count, n))
    return shapes.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=MODERATE))


@settings(max_examples=60, deadline=None)
@given(vectors(1))
def test_sum16_is_the_literal_loop(x: np.ndarray) -> None:
    lanes = [np.float32(0)] * 16
    for i, value in enumerate(x[0]):
        lanes[i % 16] = np.float32(lanes[i % 16] + value)
    assert sum16(x)[0] == literal_lanes(lanes)


@settings(max_examples=60, deadline=None)
@given(vectors(2))
def test_dot16_and_chain_are_the_literal_loops(pair: np.ndarray) -> None:
    a, b = pair
    lanes = [np.float32(0)] * 16
    total = np.float32(0)
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        exact = Fraction(x) * Fraction(y)
        lanes[i % 16] = np.float32(exact_round(exact + Fraction(float(lanes[i % 16])), 0.0))
        total = np.float32(exact_round(exact + Fraction(float(total)), 0.0))
    assert dot16(a, b) == literal_lanes(lanes)
    assert chain(a, b) == total


def test_reductions_broadcast_over_the_other_axes() -> None:
    random = np.random.default_rng(1)
    a = random.normal(size=(3, 37)).astype(np.float32)
    b = random.normal(size=(4, 37)).astype(np.float32)
    dots, chains = dot16(a[:, None], b[None]), chain(a.T[:, :, None], b.T[:, None, :])
    assert dots.shape == chains.shape == (3, 4)
    for i, j in itertools.product(range(3), range(4)):
        assert dots[i, j] == dot16(a[i], b[j])
        assert chains[i, j] == chain(a[i], b[j])


def in_ulps(found: np.ndarray, exact: np.ndarray) -> float:
    """Largest error in units in the last place of the exact result."""
    ulp = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return float(np.max(np.abs(found - exact) / ulp))


def test_exp_errs_no_more_than_documented() -> None:
    x = np.linspace(-87, 88, 500_001).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    assert np.all(np.abs(binary32.exp(x) / exact - 1) < 2.0**-22 + 2.0**-26 * np.abs(x))


def test_exp_is_exact_at_zero_and_clamps() -> None:
    x = np.array([0.0, -0.0, -1000, -87, 88, 1000], np.float32)
    zero, negative_zero, below, lowest, highest, above = binary32.exp(x)
    assert zero == negative_zero == 1
    assert np.finfo(np.float32).tiny < below == lowest
    assert above == highest < np.inf


def test_log_is_within_one_ulp() -> None:
    """Measured over 6 million points: 0.83 ulp."""
    near_one = np.linspace(0.5, 2, 200_000)
    x = np.concatenate([np.exp(np.linspace(-87, 88.7, 300_000)), near_one]).astype(np.float32)
    x = x[x != 1]
    assert in_ulps(binary32.log(x), np.log(x.astype(np.float64))) < 1
    assert binary32.log(np.ones(1, np.float32)) == 0


def test_silu_errs_little_more_than_exp() -> None:
    x = np.linspace(-30, 30, 200_000).astype(np.float32)
    wide = x.astype(np.float64)
    exact = wide / (1 + np.exp(-wide))
    error = np.abs(binary32.silu(x) - exact)
    assert np.all(error <= (2.0**-22 + 2.0**-26 * np.abs(wide)) * np.abs(exact))


def test_gelu_is_within_its_polynomial() -> None:
    """Abramowitz and Stegun give 1.5e-7 for erf; measured 3.8e-7 for gelu, near x = 3."""
    x = np.linspace(-30, 30, 200_001).astype(np.float32)
    exact = np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
    assert np.max(np.abs(binary32.gelu(x) - exact)[np.abs(x) < 4]) < 4e-7
    np.testing.assert_allclose(binary32.gelu(x), exact, rtol=1e-6, atol=4e-7)


def test_relu_gives_positive_zero() -> None:
    found = binary32.relu(np.array([-1, -0.0, 0, 2], np.float32))
    np.testing.assert_array_equal(found, [0, 0, 0, 2])
    assert not np.signbit(found).any()


@pytest.mark.parametrize("width", [1, 15, 16, 17, 64])
def test_layer_norm_is_close_to_binary64(width: int) -> None:
    random = np.random.default_rng(width)
    x, weight, bias = (random.normal(size=shape).astype(np.float32) for shape in ((5, width), width, width))
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    exact = centred / np.sqrt(wide.var(axis=-1, keepdims=True) + 1e-5) * weight + bias
    np.testing.assert_allclose(binary32.layer_norm(x, weight, bias, 1e-5), exact, atol=1e-5)

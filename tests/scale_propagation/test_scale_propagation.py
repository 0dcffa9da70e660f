"""Every rule of Scale Propagation against exact rationals, and bit for bit against plain Python integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.scale_propagation import plain_scales as plain

from octavo import scale_propagation as sp

Shape = tuple[int, ...]

RELATIVE = Fraction(1, 2**30)  # more than one rounding of a scale, in either direction
HALF = Fraction(1, 2)
LIMITS = (1, 127, 255, 32767, sp.INT32_LIMIT)

mantissas = st.one_of(st.sampled_from([2**30, 2**30 + 1, 2**31 - 1]), st.integers(2**30, 2**31 - 1))
any_rule = settings(max_examples=60, deadline=None)


@st.composite
def scales(draw: st.DrawFn, shape: Shape, *, spread: int = 40) -> sp.Scale:
    """Scales around 2^-10, neighbours up to 2^spread apart."""
    count = int(np.prod(shape))
    mantissa = draw(st.lists(mantissas, min_size=count, max_size=count))
    exponent = draw(
        st.lists(st.integers(-40 - spread // 2, -40 + spread // 2), min_size=count, max_size=count)
    )
    return sp.Scale(np.array(mantissa, np.int64).reshape(shape), np.array(exponent, np.int64).reshape(shape))


@st.composite
def tensors(
    draw: st.DrawFn, shape: Shape, limit: int = 127, scale_shape: Shape | None = None
) -> sp.ScaledTensor:
    """Integers of all magnitudes up to ``limit``; by default one scale each."""
    integer = st.one_of(st.sampled_from([-limit, 0, limit]), st.integers(-limit, limit))
    count = int(np.prod(shape))
    integers = np.array(draw(st.lists(integer, min_size=count, max_size=count)), np.int64).reshape(shape)
    storage = next(kind for kind in (np.int8, np.int16, np.int32) if limit <= np.iinfo(kind).max)
    scale = draw(scales(shape if scale_shape is None else scale_shape, spread=8))
    return sp.ScaledTensor(integers.astype(storage), scale, limit)


def tensor(integers: object, limit: int = 127, scale: object = 1.0) -> sp.ScaledTensor:
    """A tensor of one scale in the narrowest type."""
    array = np.array(integers, np.int64)
    storage = next(kind for kind in (np.int8, np.int16, np.int32) if limit <= np.iinfo(kind).max)
    return sp.ScaledTensor(array.astype(storage), sp.Scale.of(np.full((1,) * array.ndim, scale)), limit)


def assert_close(
    found: sp.ScaledTensor,
    expected: dict[plain.Index, Fraction],
    units: Fraction,
    relative: Fraction = RELATIVE,
) -> None:
    """|found - expected| <= units / s + relative * |expected| for every element."""
    for index, (integer, scale) in plain.elements(found).items():
        s = plain.real(scale)
        assert abs(integer / s - expected[index]) <= units / s + relative * abs(expected[index])


@any_rule
@given(scales((3,)), scales((3,)), st.lists(st.integers(1, 2**62 - 1), min_size=1, max_size=4))
def test_scales_are_rounded_once(a: sp.Scale, b: sp.Scale, integers: list[int]) -> None:
    product, quotient = a.times(b), a.over(b)
    for i in range(3):
        x, y = plain.number(a, (i,)), plain.number(b, (i,))
        assert plain.number(product, (i,)) == plain.times(x, y)
        assert plain.number(quotient, (i,)) == plain.over(x, y)
        assert plain.number(a.smaller(b), (i,)) == plain.smaller(x, y)
        exact = plain.real(x) * plain.real(y)
        assert abs(plain.real(plain.times(x, y)) - exact) <= exact / 2**31
        exact = plain.real(x) / plain.real(y)
        assert abs(plain.real(plain.over(x, y)) - exact) <= exact / 2**31
    of_integers = sp.Scale.of_integers(integers)
    for i, n in enumerate(integers):
        assert plain.number(of_integers, (i,)) == plain.of_integer(n)
        assert abs(plain.real(plain.of_integer(n)) - n) <= (Fraction(n, 2**31) if n >= 2**31 else 0)


@any_rule
@given(st.floats(1e-300, 1e300))
def test_a_real_scale_is_the_nearest(value: float) -> None:
    found = sp.Scale.of(value)
    assert abs(plain.real(plain.number(found)) - Fraction(value)) <= Fraction(value) / 2**31
    assert found.real() == float(plain.real(plain.number(found)))


@any_rule
@given(
    hnp.arrays(np.float64, (2, 3), elements=st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6)),
    st.sampled_from([None, -1]),
)
def test_quantizing_is_one_rounding(real: np.ndarray, axes: int | None) -> None:
    found = sp.quantize(real, sp.INT16_LEVELS, axes)
    assert_close(found, {i: Fraction(v) for i, v in np.ndenumerate(real)}, HALF + Fraction(1, 2**15))
    largest = np.abs(real).max(axis=axes, keepdims=True)
    reached = np.abs(found.integers).max(axis=axes, keepdims=True)
    np.testing.assert_array_equal(reached, np.where(largest > 0, sp.INT16_LEVELS, 0))
    assert np.all(found.scale.real()[largest == 0] == 1)


@any_rule
@given(st.sampled_from(LIMITS).flatmap(lambda limit: tensors((4,), limit)), mantissas, st.integers(1, 90))
def test_rescaling_rounds_to_nearest(x: sp.ScaledTensor, mantissa: int, shift: int) -> None:
    factor = sp.Scale(np.array([mantissa]), np.array([-shift]))
    found = sp.rescale(x, factor, sp.INT16_LEVELS)
    levels = sp.INT16_LEVELS
    expected = {i: plain.rescale(e, (mantissa, -shift), levels) for i, e in plain.elements(x).items()}
    assert plain.elements(found) == expected and found.limit == levels and found.integers.dtype == np.int16
    for i, (integer, _) in plain.elements(x).items():
        exact = integer * plain.real((mantissa, -shift))
        assert abs(found.integers[i] - max(-levels, min(levels, exact))) <= HALF


@any_rule
@given(
    st.sampled_from(LIMITS).flatmap(lambda limit: tensors((3, 4), limit)),
    st.sampled_from([sp.INT8_LEVELS, sp.UINT8_LEVELS, sp.INT16_LEVELS]),
    st.sampled_from([None, -1, 0]),
)
def test_dynamic_rescaling_fills_the_levels(x: sp.ScaledTensor, levels: int, axes: int | None) -> None:
    """Equation 10; and the static form with the same factor gives the same bits."""
    found = sp.rescale_dynamic(x, levels, axes)
    largest = np.abs(x.integers.astype(np.int64)).max(axis=axes, keepdims=True)
    reached = np.abs(found.integers.astype(np.int64)).max(axis=axes, keepdims=True)
    np.testing.assert_array_equal(reached, np.where(largest > 0, levels, 0))
    assert_close(found, plain.exact(x), HALF)
    factor = sp.dynamic_factor(x, levels, axes)
    for i in np.ndindex(largest.shape):
        expected = plain.over(plain.of_integer(levels), plain.of_integer(max(1, int(largest[i]))))
        assert plain.number(factor, i) == expected
    assert plain.elements(sp.rescale(x, factor, levels)) == plain.elements(found)


@any_rule
@given(
    st.sampled_from(LIMITS).flatmap(lambda limit: tensors((3, 4), limit)),
    st.sampled_from([sp.INT8_LEVELS, sp.INT16_LEVELS]),
    st.sampled_from([None, -1, 0]),
)
def test_rescaling_by_a_power_of_two_keeps_the_levels_bits(
    x: sp.ScaledTensor, levels: int, axes: int | None
) -> None:
    """Nothing is shifted that fits; else the largest has all the bits, but for one that rounding cuts off."""
    found = sp.rescale_by_power_of_two(x, levels, axes)
    bits = levels.bit_length()
    largest = np.abs(x.integers.astype(np.int64)).max(axis=axes, keepdims=True)
    for i, (integer, scale) in plain.elements(x).items():
        t = max(0, int(np.broadcast_to(largest, x.shape)[i]).bit_length() - bits)
        shifted = plain.round_shift(integer, t) if t else integer
        assert found.integers[i] == max(-levels, min(levels, shifted))
        assert plain.real(plain.elements(found)[i][1]) == plain.real(scale) / 2**t
    assert found.limit == levels
    reached = np.abs(found.integers.astype(np.int64)).max(axis=axes, keepdims=True)
    assert np.all((reached >= 2 ** (bits - 1)) | (reached == largest))


@any_rule
@given(tensors((2, 3), 32767, (2, 1)), scales((1, 3)), st.sampled_from([1, 127, 32767]))
def test_a_constant_is_added_in_the_scale_of_the_tensor(
    x: sp.ScaledTensor, number: sp.Scale, most: int
) -> None:
    found = sp.add_positive_real(x, number, most)
    assert found.limit == 32767 + most
    for i, (integer, scale) in plain.elements(x).items():
        exact = plain.real(plain.number(number, (0, i[1]))) * plain.real(scale)
        added = int(found.integers[i]) - integer
        assert added == most if exact > most + 1 else abs(added - min(exact, most)) <= HALF + exact * RELATIVE
        assert plain.elements(found)[i][1] == scale


def test_only_what_may_leave_the_levels_is_fitted() -> None:
    x = tensor([[3, -127]])
    assert sp.fit(x) is x
    assert sp.fit(tensor([[3, -254]], 32767)).integers.tolist() == [[2, -127]]


@any_rule
@given(tensors((2, 3), 32767), tensors((2, 3), 127, (2, 1)))
def test_sums_match_to_the_smaller_scale(a: sp.ScaledTensor, b: sp.ScaledTensor) -> None:
    found = sp.add(a, b)
    x, y = plain.elements(a), plain.elements(b)
    assert plain.elements(found) == {i: plain.add(x[i], y[i]) for i in x}
    expected = {i: p + q for (i, p), q in zip(plain.exact(a).items(), plain.exact(b).values(), strict=True)}
    assert_close(found, expected, 2 * HALF + Fraction(2 * 32767, 2**31), Fraction(0))
    assert found.limit == 32767 + 127 and found.integers.dtype == np.int32


@any_rule
@given(tensors((2, 3), 127, (2, 1)), tensors((2, 3), 32767, (2, 1)))
def test_sums_of_equal_scales_are_exact(a: sp.ScaledTensor, b: sp.ScaledTensor) -> None:
    found = sp.add(a, sp.ScaledTensor(b.integers, a.scale, b.limit))
    np.testing.assert_array_equal(found.integers, a.integers.astype(int) + b.integers)
    assert plain.number(found.scale, (0, 0)) == plain.number(a.scale, (0, 0))


@any_rule
@given(tensors((2, 3), 32767), tensors((2, 3), 32767, (1, 3)), st.integers(0, 8))
def test_elementwise_products_and_quotients(a: sp.ScaledTensor, b: sp.ScaledTensor, bits: int) -> None:
    x, y = plain.elements(a), plain.elements(b)
    product = sp.multiply(a, b)
    assert plain.elements(product) == {i: (x[i][0] * y[i][0], plain.times(x[i][1], y[i][1])) for i in x}
    left, right = plain.exact(a), plain.exact(b)
    assert_close(product, {i: left[i] * right[i] for i in x}, Fraction(0))
    divisor = sp.ScaledTensor(np.where(b.integers == 0, 1, b.integers).astype(np.int16), b.scale, b.limit)
    quotient = sp.divide(a, divisor, fraction_bits=bits)
    right = plain.exact(divisor)
    assert_close(quotient, {i: left[i] / right[i] for i in x}, HALF)
    for i in x:
        exact = Fraction(x[i][0] * 2**bits, int(divisor.integers[i]))
        assert quotient.integers[i] == (exact + HALF).__floor__()


@any_rule
@given(tensors((2, 5), 127), tensors((5, 3), 255))
def test_matrix_products_match_along_the_sum(a: sp.ScaledTensor, b: sp.ScaledTensor) -> None:
    found = sp.matmul(a, b)
    x, y = plain.elements(a), plain.elements(b)
    expected = {
        (i, j): plain.dot([x[i, k] for k in range(5)], [y[k, j] for k in range(5)])
        for i in range(2)
        for j in range(3)
    }
    assert plain.elements(found) == expected and found.limit == 5 * 127 * 255
    left, right = plain.exact(a), plain.exact(b)
    exact = {(i, j): sum(left[i, k] * right[k, j] for k in range(5)) for i, j in expected}
    assert_close(found, exact, 5 * (127 * HALF + 255 * HALF + HALF))


@any_rule
@given(tensors((2, 5), 127, (2, 1)), tensors((5, 3), 127, (1, 3)))
def test_matrix_products_of_one_scale_a_row_are_exact(a: sp.ScaledTensor, b: sp.ScaledTensor) -> None:
    found = sp.matmul(a, b)
    np.testing.assert_array_equal(found.integers, a.integers.astype(int) @ b.integers.astype(int))
    left, right = plain.exact(a), plain.exact(b)
    exact = {(i, j): sum(left[i, k] * right[k, j] for k in range(5)) for i in range(2) for j in range(3)}
    assert_close(found, exact, Fraction(0))


@any_rule
@given(tensors((2, 3)), st.lists(st.booleans(), min_size=3, max_size=3))
def test_what_leaves_scales_alone_is_exact(x: sp.ScaledTensor, visible: list[bool]) -> None:
    exact = plain.exact(x)
    assert plain.exact(sp.relu(x)) == {i: max(v, Fraction(0)) for i, v in exact.items()}
    assert plain.exact(sp.absolute(x)) == {i: abs(v) for i, v in exact.items()}
    assert plain.exact(sp.mask(x, np.array(visible))) == {i: v * visible[i[1]] for i, v in exact.items()}
    found = sp.multiply_real(x, sp.Scale.of(0.125))
    assert plain.exact(found) == {i: v / 8 for i, v in exact.items()}


@any_rule
@given(tensors((2, 4), 32767), st.sampled_from([0, 1]))
def test_sums_and_maxima_along_an_axis(x: sp.ScaledTensor, axis: int) -> None:
    matched = sp.match_along(x, axis)
    own = np.array([[v for j, v in plain.exact(x).items() if j[0] == i] for i in range(2)], object)
    largest = own.max(axis=axis, keepdims=True)
    total = own.sum(axis=axis, keepdims=True)
    length = x.shape[axis]
    assert_close(
        sp.maximum(x, axis), dict(np.ndenumerate(largest)), HALF + Fraction(32767, 2**31), Fraction(0)
    )
    assert_close(sp.total(x, axis), dict(np.ndenumerate(total)), length * (HALF + Fraction(32767, 2**31)))
    np.testing.assert_array_equal(
        sp.total(x, axis).integers, matched.integers.sum(axis=axis, keepdims=True, dtype=np.int64)
    )


@any_rule
@given(tensors((2, 3, 4), 127, (2, 1, 4)), tensors((2, 2, 4), 32767, (1, 2, 1)))
def test_shapes_take_their_scales_along(a: sp.ScaledTensor, b: sp.ScaledTensor) -> None:
    left, right = _as_array(a), _as_array(b)
    joined = sp.concatenate([a, b], axis=1)
    np.testing.assert_array_equal(_as_array(joined), np.concatenate([left, right], axis=1))
    assert joined.limit == 32767
    np.testing.assert_array_equal(_as_array(sp.transpose(a, (2, 0, 1))), left.transpose(2, 0, 1))
    for shape in ((6, 4), (2, 12), (2, 3, 2, 2), (24,)):
        np.testing.assert_array_equal(_as_array(sp.reshape(a, shape)), left.reshape(shape))


def test_one_scale_stays_one() -> None:
    x = tensor(np.arange(24).reshape(2, 12), scale=3.0)
    assert sp.reshape(x, (2, 3, 4)).scale.shape == (1, 1, 1)
    assert sp.concatenate([x, x], axis=0).scale.shape == (1, 1)


def _as_array(x: sp.ScaledTensor) -> np.ndarray:
    """Exact rationals in the tensor's shape."""
    array = np.empty(x.shape, object)
    for index, value in plain.exact(x).items():
        array[index] = value
    return array


@any_rule
@given(
    st.sampled_from([1, 127, 1290, 32767]).flatmap(lambda limit: tensors((4,), limit, (1,))),
    st.integers(1, 6),
)
def test_powers_stay_within_fifteen_bits(x: sp.ScaledTensor, degree: int) -> None:
    """Each of degree - 1 products is off by half a unit of 2^15, and passes on what it was given."""
    x = sp.absolute(x)
    found = sp.power(x, degree)
    assert found.limit <= 32767
    for i in range(4):
        integer, shifted = plain.power(int(x.integers[i]), degree, x.limit)
        assert found.integers[i] == integer
        assert abs(integer - Fraction(int(x.integers[i]) ** degree, 2**shifted)) <= HALF * (degree - 1)
    exact = {i: value**degree for i, value in plain.exact(x).items()}
    assert_close(found, exact, HALF * (degree - 1), degree * RELATIVE)


def test_ties_go_up_and_int16_products_are_those_of_one_instruction() -> None:
    """(x * y + 2^14) >> 15, what vpmulhrsw computes."""
    half = sp.Scale.of([0.5])
    assert sp.rescale(tensor([-3, -1, 1, 3]), half).integers.tolist() == [-1, 0, 1, 2]
    x = tensor([32767, 16384, 181, 1], 32767)
    expected = [(v * v + 2**14) >> 15 for v in (32767, 16384, 181, 1)]
    assert sp.power(x, 2).integers.tolist() == expected


@pytest.mark.parametrize("shift", [33, 34, 40, 62, 63])
def test_a_shift_above_32_needs_only_the_high_half(shift: int) -> None:
    """(p + 2^(k-1)) >> k = (high + 2^(k-33)) >> (k - 32), high the upper 32 bits of p."""
    random = np.random.default_rng(shift)
    product = random.integers(-(2**31), 2**31, 1000) * random.integers(2**30, 2**31, 1000)
    whole = (product + (1 << (shift - 1))) >> shift
    np.testing.assert_array_equal(((product >> 32) + (1 << (shift - 33))) >> (shift - 32), whole)

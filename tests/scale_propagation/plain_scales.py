"""Scale Propagation once more, in plain Python integers, one element at a time, from docs/numerics.md."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from octavo.scale_propagation import Scale, ScaledTensor

Number = tuple[int, int]  # mantissa, exponent
Index = tuple[int, ...]
Elements = dict[Index, tuple[int, Number]]  # integer and scale of every element


def elements(x: ScaledTensor) -> Elements:
    """A tensor with the scale of every element written out."""
    mantissa = np.broadcast_to(x.scale.mantissa, x.shape)
    exponent = np.broadcast_to(x.scale.exponent, x.shape)
    return {i: (int(x.integers[i]), (int(mantissa[i]), int(exponent[i]))) for i in np.ndindex(x.shape)}


def number(scale: Scale, index: Index = ()) -> Number:
    """One number of an array of scales."""
    return int(scale.mantissa[index]), int(scale.exponent[index])


def real(scale: Number) -> Fraction:
    """mantissa * 2^exponent."""
    return Fraction(scale[0]) * Fraction(2) ** scale[1]


def exact(x: ScaledTensor) -> dict[Index, Fraction]:
    """What every element stands for."""
    return {i: integer / real(scale) for i, (integer, scale) in elements(x).items()}


def round_shift(n: int, bits: int) -> int:
    """n / 2^bits to the nearest integer, ties up; bits >= 1."""
    return (n + (1 << (bits - 1))) >> bits


def normalized(mantissa: int, exponent: int) -> Number:
    """A mantissa 2^31 is halved."""
    return (1 << 30, exponent + 1) if mantissa == 1 << 31 else (mantissa, exponent)


def of_integer(n: int) -> Number:
    """A positive integer."""
    excess = n.bit_length() - 31
    return normalized(round_shift(n, excess) if excess > 0 else n << -excess, excess)


def times(a: Number, b: Number) -> Number:
    """a * b."""
    product = a[0] * b[0]
    shift = product.bit_length() - 31
    return normalized(round_shift(product, shift), a[1] + b[1] + shift)


def over(a: Number, b: Number) -> Number:
    """a / b."""
    shift = 31 if a[0] < b[0] else 30
    return ((a[0] << shift) + b[0] // 2) // b[0], a[1] - b[1] - shift


def smaller(*numbers: Number) -> Number:
    """The smallest."""
    return min(numbers, key=lambda n: (n[1], n[0]))


def apply(x: int, factor: Number) -> int:
    """round(x * factor)."""
    return round_shift(x * factor[0], min(-factor[1], 63))


def match(x: int, own: Number, scale: Number) -> int:
    """x of scale ``own`` as an integer of ``scale``."""
    return apply(x, over(scale, own))


def add(a: tuple[int, Number], b: tuple[int, Number]) -> tuple[int, Number]:
    """The rule of sums for one element."""
    scale = smaller(a[1], b[1])
    return match(*a, scale) + match(*b, scale), scale


def rescale(a: tuple[int, Number], factor: Number, levels: int) -> tuple[int, Number]:
    """The rule of re-scaling for one element."""
    return max(-levels, min(levels, apply(a[0], factor))), times(a[1], factor)


def dot(a: list[tuple[int, Number]], b: list[tuple[int, Number]]) -> tuple[int, Number]:
    """The rule of products for one row and one column."""
    s_a, s_b = smaller(*(s for _, s in a)), smaller(*(s for _, s in b))
    total = sum(match(x, s, s_a) * match(y, t, s_b) for (x, s), (y, t) in zip(a, b, strict=True))
    return total, times(s_a, s_b)


def power(x: int, degree: int, limit: int) -> tuple[int, int]:
    """x^degree and the bits it was shifted by, products brought back to 15 bits."""

    def narrow(a: int, b: int, limit: int) -> tuple[int, int, int]:
        excess = max(0, limit.bit_length() - 15)
        if excess == 0:
            return a * b, 0, limit
        return min(32767, round_shift(a * b, excess)), excess, 32767

    result, shifted, bound = x, 0, limit
    for bit in bin(degree)[3:]:
        result, excess, bound = narrow(result, result, bound * bound)
        shifted = 2 * shifted + excess
        if bit == "1":
            result, excess, bound = narrow(result, x, bound * limit)
            shifted += excess
    return result, shifted

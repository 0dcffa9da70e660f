"""Scales and re-scale factors as integers: positive numbers mantissa * 2^exponent, 31 bits each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError

Int64Array = npt.NDArray[np.int64]
IntegerArray = npt.NDArray[np.signedinteger[Any]]

MANTISSA_BITS: Final = 31
LARGEST_SHIFT: Final = 63

_LOWEST: Final = 1 << (MANTISSA_BITS - 1)
_END: Final = 1 << MANTISSA_BITS
_MOST_INTEGER_BITS: Final = 62


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Positive numbers mantissa * 2^exponent of any shape, 2^30 <= mantissa < 2^31.

    Both a scale s and a re-scale factor f are such numbers; as a factor the mantissa is the fixed-point
    multiplier and -exponent the shift. Every operation is rounded once, to nearest, ties up, so that it is
    within 2^-31 of the exact result, relatively. Raises QuantizationError for a mantissa that is out of
    range, zero among them.
    """

    mantissa: Int64Array
    exponent: Int64Array

    def __post_init__(self) -> None:
        if self.mantissa.shape != self.exponent.shape:
            raise QuantizationError(
                f"scale: mantissas {self.mantissa.shape} and exponents {self.exponent.shape} differ in shape"
            )
        wrong = (self.mantissa < _LOWEST) | (self.mantissa >= _END)
        if wrong.any():
            found = int(np.asarray(self.mantissa)[np.asarray(wrong)][0])
            raise QuantizationError(
                f"scale: mantissa {found} is not within 2^30 to 2^31 - 1; a scale is never zero"
            )

    @classmethod
    def of(cls, real: npt.ArrayLike) -> Scale:
        """The nearest scales to positive real numbers, which are frozen before a model runs."""
        values = np.asarray(real, np.float64)
        wrong = ~(np.isfinite(values) & (values > 0))
        if wrong.any():
            raise QuantizationError(f"scale: {values[np.asarray(wrong)][0]} is not a positive finite number")
        fraction, exponent = np.frexp(values)
        mantissa = np.floor(fraction * float(_END) + 0.5).astype(np.int64)
        return _normalized(mantissa, np.asarray(exponent, np.int64) - MANTISSA_BITS)

    @classmethod
    def of_integers(cls, integers: npt.ArrayLike) -> Scale:
        """Positive integers below 2^62 as scales; exact below 2^31."""
        n = np.asarray(integers, np.int64)
        if (n < 1).any() or (n >> _MOST_INTEGER_BITS > 0).any():
            raise QuantizationError("scale: an integer is not within 1 to 2^62 - 1")
        excess = bit_length(n) - MANTISSA_BITS
        right, left = np.maximum(excess, 0), np.maximum(-excess, 0)
        half = (np.ones_like(n) << right) >> 1
        return _normalized(((n + half) >> right) << left, excess)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, as an array has one."""
        return self.mantissa.shape

    def real(self) -> npt.NDArray[np.float64]:
        """The numbers in binary64, exact."""
        numbers: npt.NDArray[np.float64] = np.ldexp(self.mantissa.astype(np.float64), self.exponent)
        return numbers

    def times(self, other: Scale) -> Scale:
        """self * other."""
        product = self.mantissa * other.mantissa
        shift = np.where(product >> (2 * MANTISSA_BITS - 1) > 0, MANTISSA_BITS, MANTISSA_BITS - 1)
        mantissa = (product + (np.ones_like(shift) << (shift - 1))) >> shift
        return _normalized(mantissa, self.exponent + other.exponent + shift)

    def over(self, other: Scale) -> Scale:
        """self / other: one integer division each. At most 1 where self <= other."""
        smaller = self.mantissa < other.mantissa
        shift = np.where(smaller, MANTISSA_BITS, MANTISSA_BITS - 1)
        mantissa = ((self.mantissa << shift) + (other.mantissa >> 1)) // other.mantissa
        return Scale(mantissa, self.exponent - other.exponent - shift)

    def times_power_of_two(self, exponent: int) -> Scale:
        """self * 2^exponent, exact."""
        return Scale(self.mantissa, self.exponent + exponent)

    def smaller(self, other: Scale) -> Scale:
        """min(self, other), one by one."""
        return _from_order(np.minimum(self._order(), other._order()))

    def smallest(self, axis: int) -> Scale:
        """min along ``axis``, which is kept with length 1."""
        return _from_order(self._order().min(axis=axis, keepdims=True))

    def rearranged(self, operation: Callable[[Int64Array], Int64Array]) -> Scale:
        """The same operation on the arrangement of mantissas and exponents."""
        return Scale(operation(self.mantissa), operation(self.exponent))

    def round_product(self, integers: IntegerArray) -> Int64Array:
        """round(x * self), |x| < 2^31: (x * mantissa + 2^(shift - 1)) >> shift, shift = -exponent, in int64.

        To nearest, ties up. A shift above 63 is taken as 63; either gives 0. Raises QuantizationError
        where self >= 2^30.
        """
        shift = np.minimum(-self.exponent, LARGEST_SHIFT)
        if (shift < 1).any():
            raise QuantizationError(f"re-scaling by {self.real().max():g}: a factor is below 2^30")
        half = np.ones_like(shift) << (shift - 1)
        rounded: Int64Array = (integers.astype(np.int64) * self.mantissa + half) >> shift
        return rounded

    def _order(self) -> Int64Array:
        """Integers in the order of the numbers."""
        return self.exponent * _END + self.mantissa


def _from_order(order: Int64Array) -> Scale:
    return Scale(order & (_END - 1), order >> MANTISSA_BITS)


def _normalized(mantissa: Int64Array, exponent: Int64Array) -> Scale:
    """A mantissa that rounding has brought to 2^31 is halved."""
    carried = mantissa == _END
    return Scale(np.where(carried, _LOWEST, mantissa), exponent + carried)


def bit_length(n: Int64Array) -> Int64Array:
    """Binary digits of integers that are not negative; 0 has none."""
    length, rest = (n > 0).astype(np.int64), n
    for step in (32, 16, 8, 4, 2, 1):
        long = rest >> step > 0
        length = length + np.where(long, step, 0)
        rest = np.where(long, rest >> step, rest)
    return length

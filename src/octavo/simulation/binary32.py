"""IEEE binary32 arithmetic in numpy, operation by operation as docs/numerics.md writes it.

Every function takes and gives float32 arrays (or scalars) and rounds exactly where that page rounds,
to nearest, ties to even. Plain and vectorized over everything but the order of a sum.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.quantization.arrays import Float32Array

LANES: Final = 16

_ONE: Final = np.float32(1)
_HALF: Final = np.float32(0.5)

_LOG2_E: Final = np.float32(1.44269504)
_LN2_HIGH: Final = np.float32(0.693359375)
_LN2_LOW: Final = np.float32(-2.12194440e-4)
_EXP_MIN: Final = np.float32(-87)
_EXP_MAX: Final = np.float32(88)
_EXP_POLYNOMIAL: Final = (1.3269519e-3, 9.671291e-3, 5.550711e-2, 2.4022247e-1, 6.93147e-1, 1.0)
_SQRT_HALF_BITS: Final = np.int32(0x3F3504F3)
_LOG_POLYNOMIAL: Final = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_SQRT_HALF: Final = np.float32(0.70710678)
_ERF_SLOPE: Final = np.float32(0.3275911)
_TANH_SLOPE: Final = np.float32(-1.5957691)
_TANH_CUBIC: Final = np.float32(-0.071354816)
_ERF_POLYNOMIAL: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def fma(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Float32Array:
    """a * b + c of float32 operands (broadcast together), rounded once.

    The product is exact in binary64. The sum is rounded to odd there, which makes the second rounding,
    to binary32, the only one that counts (Boldo and Melquiond 2008), subnormal results included.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        product = np.asarray(a, np.float32).astype(np.float64) * np.asarray(b, np.float32)
        addend = np.asarray(c, np.float32).astype(np.float64)
        return _add_round_to_odd(product, addend).astype(np.float32)


def _add_round_to_odd(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """x + y in binary64; an inexact sum becomes the neighbour whose last bit is 1."""
    total = np.atleast_1d(x + y)
    y_part = total - x
    error = (x - (total - y_part)) + (y - y_part)
    bits = total.view(np.int64)
    inexact_and_even = (error != 0) & np.isfinite(total) & (bits & 1 == 0)
    away_from_zero = (error > 0) == (total > 0)
    bits += np.where(inexact_and_even, np.where(away_from_zero, 1, -1), 0)
    return total.reshape(np.broadcast_shapes(x.shape, y.shape))


def sum16(x: Float32Array) -> Float32Array:
    """Sum over the last axis: sixteen interleaved lanes, then a tree."""
    lanes = np.zeros((*x.shape[:-1], LANES), np.float32)
    for start in range(0, x.shape[-1], LANES):
        block = x[..., start : start + LANES]
        lanes[..., : block.shape[-1]] += block
    return _fold(lanes)


def dot16(a: Float32Array, b: Float32Array) -> Float32Array:
    """Dot product over the last axis in sixteen lanes of fma; the other axes broadcast."""
    a, b = np.broadcast_arrays(a, b)
    lanes = np.zeros((*a.shape[:-1], LANES), np.float32)
    for start in range(0, a.shape[-1], LANES):
        stop = min(start + LANES, a.shape[-1])
        used = slice(0, stop - start)
        lanes[..., used] = fma(a[..., start:stop], b[..., start:stop], lanes[..., used])
    return _fold(lanes)


def _fold(lanes: Float32Array) -> Float32Array:
    for width in (8, 4, 2, 1):
        lanes = lanes[..., :width] + lanes[..., width : 2 * width]
    total: Float32Array = lanes[..., 0]
    return total


def chain(a: Float32Array, b: Float32Array) -> Float32Array:
    """Sum over the first axis of a * b, one fma after another; the other axes broadcast."""
    total = np.zeros(np.broadcast_shapes(a.shape[1:], b.shape[1:]), np.float32)
    for a_k, b_k in zip(a, b, strict=True):
        total = fma(a_k, b_k, total)
    return total


def _horner(x: Float32Array, coefficients: tuple[float, ...]) -> Float32Array:
    """Polynomial in x, highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = fma(value, x, np.float32(coefficient))
    return value


def exp(x: Float32Array) -> Float32Array:
    """e^x; x is clamped to [-87, 88], so the result is positive, normal and finite."""
    x = np.clip(x, _EXP_MIN, _EXP_MAX)
    n = np.rint(x * _LOG2_E)
    p = _horner(fma(x, _LOG2_E, -n), _EXP_POLYNOMIAL)
    result: Float32Array = np.ldexp(p, n.astype(np.int32))
    return result


def log(x: Float32Array) -> Float32Array:
    """Natural logarithm of positive normal numbers."""
    bits = np.ascontiguousarray(x).view(np.int32)
    exponent = (bits - _SQRT_HALF_BITS) >> 23
    f = (bits - (exponent << 23)).view(np.float32) - _ONE
    e = exponent.astype(np.float32)
    z = f * f
    y = (_horner(f, _LOG_POLYNOMIAL) * f) * z
    y = fma(e, _LN2_LOW, y)
    y = fma(-_HALF, z, y)
    return fma(e, _LN2_HIGH, f + y)


def relu(x: Float32Array) -> Float32Array:
    """x where it is positive, else +0."""
    return np.where(x > 0, x, np.float32(0))


def sigmoid(x: Float32Array) -> Float32Array:
    """1 / (1 + e^-x)."""
    result: Float32Array = _ONE / (_ONE + exp(-x))
    return result


def silu(x: Float32Array) -> Float32Array:
    """x / (1 + e^-x)."""
    return x / (_ONE + exp(-x))


def gelu(x: Float32Array) -> Float32Array:
    """x * (1 + erf(x / sqrt(2))) / 2, erf by Abramowitz and Stegun 7.1.26."""
    a = np.abs(x) * _SQRT_HALF
    t = _ONE / fma(_ERF_SLOPE, a, _ONE)
    with np.errstate(over="ignore"):
        q = (_horner(t, _ERF_POLYNOMIAL) * t) * exp(-(a * a))
    u = np.copysign(_ONE - q, x)
    h = _HALF * x
    return fma(h, u, h)


def gelu_tanh(x: Float32Array) -> Float32Array:
    """x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2."""
    w = fma(_TANH_CUBIC, x * x, _TANH_SLOPE)
    return x / (_ONE + exp(x * w))


def layer_norm(x: Float32Array, weight: Float32Array, bias: Float32Array, epsilon: float) -> Float32Array:
    """Layer norm over the last axis."""
    width = np.float32(x.shape[-1])
    centred = x - (sum16(x) / width)[..., None]
    variance = dot16(centred, centred) / width
    inverse_deviation = _ONE / np.sqrt(variance + np.float32(epsilon))
    return fma(centred * inverse_deviation[..., None], weight, bias)


def rms_norm(x: Float32Array, weight: Float32Array, epsilon: float) -> Float32Array:
    """RMS norm over the last axis."""
    mean_square = dot16(x, x) / np.float32(x.shape[-1])
    inverse = _ONE / np.sqrt(mean_square + np.float32(epsilon))
    normed: Float32Array = (x * inverse[..., None]) * weight
    return normed

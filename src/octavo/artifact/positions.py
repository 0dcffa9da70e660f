"""The sinusoidal position table, the same bits on every CPU.

Vaswani et al. 2017, section 3.5, in each way of ``octavo.model.config.Positions``. The C library's and
numpy's own sin and cos differ between machines, so both are computed here from binary64 additions and
multiplications, which do not: each numpy call is one IEEE operation, none is fused.
"""

from __future__ import annotations

import decimal
import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.model.config import ModelConfig, Positions

_FloatArray = npt.NDArray[np.float64]

_ROWS_AT_A_TIME: Final = 1024
_DIGITS: Final = 50

# pi/2 to 2^-122 as a sum (Cody and Waite). The first two have 33 bits: n times them is exact to n = 2^20.
_HALF_PI: Final = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
_TWO_OVER_PI: Final = 0.6366197723675814

# Taylor: on [-pi/4, pi/4] the first term left out is below 2^-63.
_SIN: Final = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(9))
_COS: Final = tuple((-1) ** k / math.factorial(2 * k) for k in range(10))


def position_table(config: ModelConfig) -> npt.NDArray[np.float32]:
    """float32 [max_positions + position_offset, d_model], row p being position p.

    Without positions it is zero. sin and cos are within a few units in the last place of binary64 and
    rounded once. Raises ValueError for learned positions, whose table is a tensor of the model.
    """
    if config.positions is Positions.LEARNED:
        raise ValueError("learned positions are a tensor of the model; there is no table to compute")
    pairs = config.d_model // 2
    rows = config.max_positions + config.position_offset
    if config.positions is Positions.NONE:
        return np.zeros((rows, config.d_model), np.float32)
    table = np.empty((rows, config.d_model), np.float32)
    if config.positions is Positions.INTERLEAVED:
        sines, cosines = table[:, 0::2], table[:, 1::2]
    else:
        sines, cosines = table[:, :pairs], table[:, pairs:]
    if config.positions is Positions.TENSOR2TENSOR:
        turn = tensor2tensor_frequencies(config.d_model)
    else:
        turn = frequencies(config.d_model)
    for start in range(0, rows, _ROWS_AT_A_TIME):
        stop = min(start + _ROWS_AT_A_TIME, rows)
        positions = np.arange(start, stop, dtype=np.float64)
        sines[start:stop], cosines[start:stop] = sin_cos(positions[:, None] * turn)
    return table


def integer_position_table(config: ModelConfig, scale: float) -> npt.NDArray[np.int16]:
    """The same as integers of a residual stream: round(table * scale), ties up, in binary64, to +-32767."""
    rounded = np.floor(position_table(config).astype(np.float64) * scale + 0.5)
    return rounded.clip(-32767, 32767).astype(np.int16)


def frequencies(d_model: int) -> _FloatArray:
    """10000^(-2i / d_model) for i < d_model / 2, each rounded once to binary64."""
    with decimal.localcontext(decimal.Context(prec=_DIGITS)):
        base = decimal.Decimal(10_000)
        return np.array([float(base ** (decimal.Decimal(-2 * i) / d_model)) for i in range(d_model // 2)])


def tensor2tensor_frequencies(d_model: int) -> _FloatArray:
    """10000^(-i / (d_model / 2 - 1)) for i < d_model / 2, each rounded once to binary64."""
    pairs = d_model // 2
    with decimal.localcontext(decimal.Context(prec=_DIGITS)):
        base = decimal.Decimal(10_000)
        return np.array([float(base ** (decimal.Decimal(-i) / (pairs - 1))) for i in range(pairs)])


def sin_cos(angles: _FloatArray) -> tuple[_FloatArray, _FloatArray]:
    """Sine and cosine of angles in radians, from 0 to 2^20."""
    quarter_turns = np.rint(angles * _TWO_OVER_PI)
    rest = angles
    for part in _HALF_PI:
        rest = rest - quarter_turns * part
    square = rest * rest
    sine = rest * _polynomial(_SIN, square)
    cosine = _polynomial(_COS, square)
    quadrant = quarter_turns.astype(np.int64) & 3
    odd = (quadrant & 1) == 1
    sines = np.where(odd, cosine, sine)
    cosines = np.where(odd, sine, cosine)
    return (
        np.where(quadrant >= 2, -sines, sines),
        np.where((quadrant == 1) | (quadrant == 2), -cosines, cosines),
    )


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Horner's rule, lowest coefficient first; every step rounds its product and its sum."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result

"""Numbers as a caller states them: Python's own, numpy's, or any that stands for exactly one number.

Standard library only; imports nothing of the package.
"""

from __future__ import annotations

import math
import numbers
import operator
import reprlib


def whole_number(name: str, value: object, least: int, most: int, note: str = "") -> int:
    """``value`` as an int from ``least`` to ``most``.

    Raises ValueError, which names the argument, the type where that is wrong, and the range, ``note``
    behind it. A bool, a float and text stand for no whole number.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise ValueError(_problem(name, value, number, f"a whole number from {least} to {most}{note}"))
    return number


def real_number(name: str, value: object, least: float, most: float, note: str = "") -> float:
    """``value`` as a float from ``least`` to ``most``. Raises ValueError as ``whole_number`` does."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else None  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if number is None or not (math.isfinite(number) and least <= number <= most):
        raise ValueError(_problem(name, value, number, f"a number from {least:g} to {most:g}{note}"))
    return number


def _problem(name: str, value: object, number: float | None, wanted: str) -> str:
    shown = f"{reprlib.repr(value)} ({type(value).__name__})" if number is None else value
    return f"{name} = {shown}: must be {wanted}"

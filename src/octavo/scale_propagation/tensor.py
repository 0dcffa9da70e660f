"""The value that Scale Propagation works on: integers, their scale, and how large they may be."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.scale_propagation.scale import Int64Array, IntegerArray, Scale

INT32_LIMIT: Final = 2**31 - 1

_STORAGE: Final[tuple[type[np.signedinteger[Any]], ...]] = (np.int8, np.int16, np.int32)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ScaledTensor:
    """x = round(s * real): integers of int8, int16 or int32, standing for integers / scale.

    ``scale`` has as many axes as ``integers``, each of the same length or 1. ``limit``: |integers| <= limit,
    known from shapes and ranges alone, never from the data, so that overflow is found before a model runs.
    Raises QuantizationError where any of this does not hold.
    """

    integers: IntegerArray
    scale: Scale
    limit: int

    def __post_init__(self) -> None:
        check_limit(self.limit, "tensor")
        if self.integers.dtype.type not in _STORAGE:
            raise QuantizationError(f"tensor: integers of {self.integers.dtype}; use int8, int16 or int32")
        if self.limit > np.iinfo(self.integers.dtype).max:
            raise QuantizationError(f"tensor: {self.integers.dtype} does not hold the limit {self.limit}")
        pairs = zip(self.scale.shape, self.integers.shape, strict=False)
        if len(self.scale.shape) != self.integers.ndim or any(s not in (1, n) for s, n in pairs):
            raise QuantizationError(f"tensor: scale {self.scale.shape} for integers {self.integers.shape}")
        largest = int(np.abs(self.integers.astype(np.int64)).max(initial=0))
        if largest > self.limit:
            raise QuantizationError(
                f"tensor: an integer of magnitude {largest} exceeds the limit {self.limit}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the integers."""
        return self.integers.shape

    def dequantize(self) -> npt.NDArray[np.float64]:
        """integers / scale in binary64."""
        numbers: npt.NDArray[np.float64] = self.integers / self.scale.real()
        return numbers


def scaled_tensor(integers: Int64Array, scale: Scale, limit: int, where: str) -> ScaledTensor:
    """A tensor in the narrowest type that holds ``limit``.

    Raises QuantizationError, naming ``where``, if none does.
    """
    check_limit(limit, where)
    storage = next(kind for kind in _STORAGE if limit <= np.iinfo(kind).max)
    return ScaledTensor(integers.astype(storage), scale, limit)


def check_limit(limit: int, where: str) -> None:
    """Raise QuantizationError where integers up to ``limit`` are not int32, or there is no integer but 0."""
    if limit > INT32_LIMIT:
        raise QuantizationError(
            f"{where}: integers up to {limit} would overflow int32 ({INT32_LIMIT}); re-scale an operand first"
        )
    if limit < 1:
        raise QuantizationError(f"{where}: a limit of {limit}; it is at least 1")

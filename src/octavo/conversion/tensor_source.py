"""What every kind of file with weights offers: tensors by name, read one at a time."""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.conversion.errors import ConversionError
from octavo.regular_file import LFS_POINTER, is_lfs_pointer

Array: TypeAlias = npt.NDArray[Any]


class TensorSource(Protocol):
    """Tensors by the names that another program gives them. ``path`` is their file, or that of an index."""

    path: Path

    def names(self) -> Collection[str]:
        """The names of all tensors."""

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that there is."""

    def read(self, name: str) -> Array:
        """A tensor that there is, float32 or float16: bfloat16 is widened, float64 rounded.

        Raises ConversionError for a tensor of another type, and for a file that changed.
        """


def stored_as(kind: str, data: bytes | memoryview) -> Array | None:
    """The flat array in the bytes of a tensor, float32 or float16; None for a type that is not for weights.

    ``kind`` is F64, F32, F16 or BF16.
    """
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == "F64":
        with np.errstate(over="ignore"):  # found where the model is written
            return np.frombuffer(data, "<f8").astype(np.float32)
    types = {"F32": "<f4", "F16": "<f2"}
    return np.frombuffer(data, types[kind]) if kind in types else None


def wrong_type(path: Path, name: str, kind: str) -> ConversionError:
    """The error for a tensor that holds no floats."""
    return ConversionError(
        f"{path}: tensor {name} is {kind}; weights are float32, float16, bfloat16 or float64"
    )


def unreadable(path: Path, reason: str) -> ConversionError:
    """The error for a file that is damaged, or none of its kind."""
    if is_lfs_pointer(path):
        return ConversionError(f"{path}: {LFS_POINTER}")
    return ConversionError(
        f"{path}: cannot read tensors ({textwrap.shorten(reason, 200)}); copy the file again"
    )

"""Marian's binary files, among them Firefox's ``model.*.intgemm.alphas.bin``.

Source of the format: marian-dev, src/common/binary.cpp and types.h, version 1. Little-endian: u64 version,
u64 number of tensors; for each u64 length of its name, type, number of dimensions, bytes of data; the names,
each with a NUL; the shapes, int32; u64 padding, and as many bytes; the data.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import struct
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, stored_as, unreadable
from octavo.conversion.tensor_sources.unpacked import open_unpacked

VERSION: Final = 1
_ENTRY: Final = struct.Struct("<4Q")
_MAX_DIMENSIONS: Final = 8

INT8: Final = 0x0101
INTGEMM8: Final = 0x4101
INTGEMM16: Final = 0x4102
FLOAT32: Final = 0x0404
_FLOATS: Final = {FLOAT32: "F32", 0x0402: "F16", 0x0408: "F64"}
_ITEM_BYTES: Final = {INT8: 1, 0x0201: 1, INTGEMM8: 1, INTGEMM16: 2, FLOAT32: 4, 0x0402: 2, 0x0408: 8}
_SMALLEST_MULTIPLIER: Final = 2.0**-100
_OF_ONE_CPU: Final = (
    "for one kind of CPU; convert the .npz, or a .bin that `marian-conv --gemm-type intgemm8` wrote"
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """int8 from -127 to 127, each a weight times ``multiplier``."""

    values: npt.NDArray[np.int8]
    multiplier: np.float32

    @property
    def scale(self) -> np.float32:
        """What a value is multiplied with to give the weight."""
        return np.float32(1) / self.multiplier


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    shape: tuple[int, ...]
    start: int
    size: int


class MarianBin:
    """Reads a tensor when it is asked for; a file that ends in .gz is unpacked beside first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = ExitStack()
        self._stream = self._open.enter_context(open_unpacked(path))
        try:
            self._entries = _entries(self._stream)
        except (OSError, ValueError) as error:
            raise unreadable(path, str(error)) from error

    def __del__(self) -> None:
        if opened := getattr(self, "_open", None):
            opened.close()

    def names(self) -> Collection[str]:
        return self._entries

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def read(self, name: str) -> Array:
        """As TensorSource says; integers are read as the weights they stand for."""
        entry = self._entries[name]
        if integers := self.read_integers(name):
            return _weights(integers.values, integers.multiplier)
        if entry.kind == INTGEMM16:
            return _weights(self._read_intgemm(name, "<i2"), self._multiplier(name))
        flat = stored_as(_FLOATS.get(entry.kind, ""), self._data(name)[: self._content_bytes(name)])
        if flat is None:
            raise self._refused(name)
        return flat.reshape(entry.shape)

    def read_bytes(self, name: str) -> bytes:
        """The bytes of a tensor of single bytes, such as a text. Raises ConversionError."""
        if self._entries[name].kind not in (INT8, 0x0201):
            raise self._refused(name)
        return self._data(name)[: self._content_bytes(name)]

    def holds_integers(self, name: str) -> bool:
        """Whether a tensor is a matrix of int8 with a multiplier."""
        return self._entries[name].kind == INTGEMM8

    def read_integers(self, name: str) -> Integers | None:
        """A matrix [in, out] of int8, an embedding [tokens, width]; None where the tensor holds floats."""
        if not self.holds_integers(name):
            return None
        values = self._read_intgemm(name, "i1")
        if (values == -128).any():
            raise unreadable(self.path, f"{name} holds -128")
        return Integers(values, self._multiplier(name))

    def _read_intgemm(self, name: str, kind: str) -> Array:
        """The integers; all but embeddings lie there transposed."""
        shape = self.shape(name)
        values = np.frombuffer(self._data(name), kind, math.prod(shape))
        return values.reshape(shape) if is_embedding(name) else values.reshape(shape[::-1]).T

    def _multiplier(self, name: str) -> np.float32:
        count = self._content_bytes(name) - 4
        multiplier: np.float32 = np.frombuffer(self._data(name), "<f4", 1, count)[0]
        if not _SMALLEST_MULTIPLIER <= multiplier <= 1 / _SMALLEST_MULTIPLIER:  # NaN is in no range
            raise unreadable(self.path, f"{name} has the multiplier {multiplier}")
        return multiplier

    def _content_bytes(self, name: str) -> int:
        return _content_bytes(self._entries[name].kind, self.shape(name))

    def _data(self, name: str) -> bytes:
        interrupt.check()
        entry = self._entries[name]
        try:
            self._stream.seek(entry.start)
            data = self._stream.read(entry.size)
        except OSError as error:
            raise unreadable(self.path, error.strerror or str(error)) from error
        if len(data) != entry.size:
            raise unreadable(self.path, f"{name} is cut short")
        return data

    def _refused(self, name: str) -> ConversionError:
        kind = self._entries[name].kind
        reason = "not for weights" if kind in _ITEM_BYTES else f"not known, or {_OF_ONE_CPU}"
        return ConversionError(f"{self.path}: tensor {name} has the type {kind:#06x}, which is {reason}")


def _weights(values: Array, multiplier: np.float32) -> Array:
    with np.errstate(over="ignore"):  # found where the model is written
        return values.astype(np.float32) * (np.float32(1) / multiplier)


def is_embedding(name: str) -> bool:
    """Whether Marian keeps such a tensor of integers by rows, as it looks rows up in it."""
    return "Wemb" in name


def _content_bytes(kind: int, shape: tuple[int, ...]) -> int:
    """The bytes of a tensor of that type, its multiplier with it, without padding; 0: the type is unknown."""
    return math.prod(shape) * _ITEM_BYTES.get(kind, 0) + (4 if kind in (INTGEMM8, INTGEMM16) else 0)


def _entries(stream: IO[bytes]) -> dict[str, _Entry]:
    """Every tensor by its name. Raises ValueError for what is no such file."""
    size = stream.seek(0, 2)
    stream.seek(0)

    def read(count: int) -> bytes:
        if count > size - stream.tell():
            raise ValueError("it is cut short, or no file of Marian")
        return stream.read(count)

    version, count = struct.unpack("<2Q", read(16))
    if version != VERSION:
        raise ValueError(f"the version is {version}, not {VERSION}")
    headers = list(_ENTRY.iter_unpack(read(count * _ENTRY.size)))
    names = [read(header[0])[:-1].decode() for header in headers]
    shapes = []
    for name, (_, _, dimensions, _) in zip(names, headers, strict=True):
        if dimensions > _MAX_DIMENSIONS:
            raise ValueError(f"{reprlib.repr(name)} has {dimensions} dimensions")
        shapes.append(struct.unpack(f"<{dimensions}i", read(4 * dimensions)))
    read(struct.unpack("<Q", read(8))[0])
    found: dict[str, _Entry] = {}
    for name, shape, (_, kind, _, length) in zip(names, shapes, headers, strict=True):
        if name in found:
            raise ValueError(f"{reprlib.repr(name)} comes twice")
        if min(shape, default=0) < 0 or _content_bytes(kind, shape) > length:
            raise ValueError(f"{reprlib.repr(name)} is {length} bytes, which is no {list(shape)}")
        start = stream.tell()
        if length > size - start:
            raise ValueError(f"{reprlib.repr(name)} is cut short")
        stream.seek(length, 1)
        found[name] = _Entry(kind, shape, start, length)
    return found

"""Weights of CTranslate2: model.bin, binary versions 1 to 6.

Source of the format: CTranslate2 4.8, python/ctranslate2/specs/model_spec.py and src/models/model.cc.
"""

from __future__ import annotations

import dataclasses
import math
import os
import reprlib
import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, stored_as, unreadable, wrong_type
from octavo.regular_file import open_regular

LATEST_VERSION: Final = 6

_FLOAT_KINDS: Final = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_INTEGER_TYPES: Final = {"int8": "<i1", "int16": "<i2", "int32": "<i4"}
_KINDS: Final = ("float32", "int8", "int16", "int32", "float16", "bfloat16")  # by the number in the file
_ITEM_BYTES: Final = {"float32": 4, "int8": 1, "int16": 2, "int32": 4, "float16": 2, "bfloat16": 2}
_KIND_OF_SIZE: Final = {4: "float32", 2: "int16", 1: "int8"}
"""Before version 4 a file has the bytes of a number in place of its type."""

_MOST_VARIABLES: Final = 100_000
_MOST_DIMENSIONS: Final = 8
_SCALE: Final = "_scale"
_SCALE_OF_INT16: Final = 1000.0
"""What int16 weights were multiplied with where the file does not say (CTranslate2 before 1.14)."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Variable:
    """Where the ``size`` bytes of a variable are."""

    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


class CTranslate2File:
    """The variables of a model.bin, those under an alias too.

    ``specification`` and ``revision`` say what model it is: "TransformerSpec" and 7 in CTranslate2 4.
    Raises ConversionError, naming the file, where it is damaged or no model.bin.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self.specification = ""
        self.revision = 1
        self._variables: dict[str, _Variable] = {}
        self._aliases: dict[str, str] = {}
        try:
            with open_regular(path) as stream:
                self._read_index(_Header(stream))
        except (OSError, ValueError) as error:
            raise unreadable(path, getattr(error, "strerror", None) or str(error)) from error

    def _read_index(self, header: _Header) -> None:
        self.version = header.number("<I")
        if not 1 <= self.version <= LATEST_VERSION:
            raise ValueError(f"its version is {self.version}; versions 1 to {LATEST_VERSION} are read")
        if self.version >= 2:
            self.specification, self.revision = header.text(), header.number("<I")
        for _ in range(header.count("variables")):
            name = header.text()
            if name in self._variables:
                raise ValueError(f"two variables are named {reprlib.repr(name)}")
            self._variables[name] = header.variable(name, self.version)
        for _ in range(header.count("aliases") if self.version >= 3 else 0):
            alias, name = header.text(), header.text()
            for ending in ("", _SCALE):  # the scale of a weight follows it
                if name + ending in self._variables:
                    self._aliases.setdefault(alias + ending, name + ending)

    def names(self) -> Collection[str]:
        """The names of all variables, and those that stand for others."""
        return self._variables.keys() | self._aliases.keys()

    def stored_name(self, name: str) -> str:
        """The name under which a variable's numbers lie in the file: another where ``name`` is an alias."""
        return name if name in self._variables else self._aliases[name]

    def kind(self, name: str) -> str:
        """The type of a variable's numbers: float32, int8, int16, int32, float16 or bfloat16."""
        return self._variable(name).kind

    def shape(self, name: str) -> tuple[int, ...]:
        return self._variable(name).shape

    def read(self, name: str) -> Array:
        """Floats as they are, bfloat16 widened; quantized weights divided by their scales, as float32."""
        if self.kind(name) in ("int8", "int16"):
            scales = self._scales(name)
            by_row = scales.reshape(-1, *[1] * (len(self.shape(name)) - 1))
            return np.divide(self._integers(name), by_row, dtype=np.float32)
        return self._floats(name)

    def read_int8(self, name: str) -> tuple[Array, Array]:
        """int8 weights [rows, columns] as they are, and the float32 step of each row [rows].

        A weight is its number times the step of its row. Raises ConversionError for other types.
        """
        if self.kind(name) != "int8" or len(self.shape(name)) != 2:
            raise wrong_type(self.path, name, self.kind(name))
        scales = np.broadcast_to(self._scales(name), self.shape(name)[:1])
        return self._integers(name), np.reciprocal(scales, dtype=np.float32)

    def number(self, name: str, default: float | None = None) -> float:
        """The one number of a variable of any type; ``default`` where there is no such variable."""
        if name not in self.names():
            if default is None:
                raise ConversionError(f"{self.path}: {name} is missing; copy the file again")
            return default
        if math.prod(self.shape(name)) != 1:
            raise ConversionError(f"{self.path}: {name} has shape {list(self.shape(name))}, not one number")
        is_float = self.kind(name) in _FLOAT_KINDS
        value = float((self._floats if is_float else self._integers)(name).reshape(-1)[0])
        if not math.isfinite(value):
            raise ConversionError(f"{self.path}: {name} is {value}, no finite number")
        return value

    def text(self, name: str, default: str) -> str:
        """A text that is stored as int8 numbers, as versions before 6 do; ``default`` where there is none."""
        if name not in self.names():
            return default
        return self._integers(name).tobytes().decode("utf-8", "replace")

    def _variable(self, name: str) -> _Variable:
        return self._variables[self.stored_name(name)]

    def _data(self, name: str) -> bytes:
        interrupt.check()
        variable = self._variable(name)
        try:
            with open_regular(self.path) as stream:
                stream.seek(variable.start)
                data = stream.read(variable.size)
        except OSError as error:
            raise unreadable(self.path, error.strerror or str(error)) from error
        if len(data) != variable.size:
            raise unreadable(self.path, f"{name} is cut short")
        return data

    def _floats(self, name: str) -> Array:
        kind = self.kind(name)
        array = stored_as(_FLOAT_KINDS.get(kind, kind), self._data(name))
        if array is None:
            raise wrong_type(self.path, name, kind)
        return array.reshape(self.shape(name))

    def _integers(self, name: str) -> Array:
        kind = self.kind(name)
        if kind not in _INTEGER_TYPES:
            raise ConversionError(f"{self.path}: {name} is {kind}; integers are expected there")
        return np.frombuffer(self._data(name), _INTEGER_TYPES[kind]).reshape(self.shape(name))

    def _scales(self, name: str) -> Array:
        """What weights were multiplied with: a float32 for each row, or one for all rows [1]."""
        scale = f"{name}{_SCALE}"
        if scale not in self.names():
            if self.kind(name) == "int16":
                return np.array([_SCALE_OF_INT16], np.float32)
            raise ConversionError(f"{self.path}: {name} is quantized, but {scale} is missing")
        rows = self.shape(name)[0] if self.shape(name) else 1
        found = self._floats(scale).reshape(-1).astype(np.float32)
        if len(found) not in (1, rows):
            raise ConversionError(f"{self.path}: {scale} has {len(found)} numbers for {rows} rows")
        if not (np.isfinite(found).all() and (found > np.finfo(np.float32).tiny).all()):
            raise ConversionError(f"{self.path}: {scale} holds a number that is no scale")
        return found


class _Header:
    """Numbers and texts of the file, from its beginning. Raises ValueError where it is cut short or wrong."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size

    def number(self, form: str) -> int:
        """An unsigned number."""
        value: int = struct.unpack(form, self._bytes(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        """A text: its length with the zero at its end, its bytes, the zero."""
        data = self._bytes(self.number("<H"))
        if not data.endswith(b"\0"):
            raise ValueError("a name does not end where it should")
        return data[:-1].decode("utf-8")

    def count(self, what: str) -> int:
        """How many of something follow."""
        found = self.number("<I")
        if found > _MOST_VARIABLES:
            raise ValueError(f"it has {found} {what}; no model has more than {_MOST_VARIABLES}")
        return found

    def variable(self, name: str, version: int) -> _Variable:
        """What is said of a variable; its numbers are passed over."""
        dimensions = self.number("<B")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"{reprlib.repr(name)} has {dimensions} dimensions")
        shape = struct.unpack(f"<{dimensions}I", self._bytes(4 * dimensions))
        if dimensions > 1 and 0 in shape:
            raise ValueError(f"{reprlib.repr(name)} of shape {list(shape)} holds nothing")
        number, size = self.number("<B"), self.number("<I")
        if version >= 4:
            kind = _KINDS[number] if number < len(_KINDS) else None
        else:
            kind, size = _KIND_OF_SIZE.get(number), size * number
        if kind is None:
            raise ValueError(f"{reprlib.repr(name)} is of type {number}, which is not known")
        start = self._stream.tell()
        if size != math.prod(shape) * _ITEM_BYTES[kind]:
            raise ValueError(f"{reprlib.repr(name)} of {kind} {list(shape)} has {size} bytes")
        if size > self._size - start:
            raise ValueError(f"{reprlib.repr(name)} is cut short")
        self._stream.seek(start + size)
        return _Variable(kind, shape, start, size)

    def _bytes(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) != size:
            raise ValueError("it is cut short")
        return data

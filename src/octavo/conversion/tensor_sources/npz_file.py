"""Arrays that numpy saved, as Marian does: an archive with an array in each member."""

from __future__ import annotations

import dataclasses
import math
import re
import zipfile
from collections.abc import Collection
from pathlib import Path
from reprlib import repr as short
from typing import IO, Final

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, stored_as, unreadable, wrong_type
from octavo.conversion.tensor_sources.unpacked import check_growth

_MAGIC: Final = b"\x93NUMPY"
_ENDING: Final = ".npy"
_MAX_HEADER: Final = 4096
_HEADER: Final = re.compile(
    r"\{'descr': '([^']*)', 'fortran_order': (False|True), 'shape': \(([0-9, ]*)\),? *\} *\n?"
)
_FLOATS: Final = {"<f8": "F64", "<f4": "F32", "<f2": "F16"}
_BYTES: Final = re.compile(r"[|<]?[iubS]1")


@dataclasses.dataclass(frozen=True, slots=True)
class _Header:
    """What an array is, and where in its member it begins."""

    kind: str
    is_fortran: bool
    shape: tuple[int, ...]
    start: int
    size: int


class NpzFile:
    """Reads an array when it is asked for. Arrays of objects, which are pickles, are never read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._headers: dict[str, _Header] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if info.filename.endswith(_ENDING)]
                check_growth(path, path.stat().st_size, sum(info.file_size for info in members))
                for info in members:
                    interrupt.check()
                    name = info.filename.removesuffix(_ENDING)
                    if name in self._headers:
                        raise ValueError(f"{name} comes twice")
                    with archive.open(info) as stream:
                        self._headers[name] = _header(name, stream, info.file_size)
        except ConversionError:
            raise
        except Exception as error:  # a damaged archive may lead to any
            raise unreadable(path, str(error) or type(error).__name__) from error

    def names(self) -> Collection[str]:
        return self._headers

    def shape(self, name: str) -> tuple[int, ...]:
        return self._headers[name].shape

    def read(self, name: str) -> Array:
        header = self._headers[name]
        flat = stored_as(_FLOATS.get(header.kind, ""), self._data(name))
        if flat is None:
            raise wrong_type(self.path, name, repr(header.kind))
        return flat.reshape(header.shape, order="F" if header.is_fortran else "C")

    def read_bytes(self, name: str) -> bytes:
        """The bytes of an array of single bytes, such as a text. Raises ConversionError."""
        kind = self._headers[name].kind
        if not _BYTES.fullmatch(kind):
            raise ConversionError(
                f"{self.path}: {name} is {short(kind)}, not single bytes; copy the file again"
            )
        return self._data(name)

    def _data(self, name: str) -> bytes:
        interrupt.check()
        header = self._headers[name]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(name + _ENDING) as stream:
                stream.read(header.start)
                data = stream.read(header.size + 1)
        except Exception as error:  # a damaged archive may lead to any
            raise unreadable(self.path, f"{name}: {error}") from error
        if len(data) != header.size:
            raise unreadable(self.path, f"{name} is not {header.size} bytes long")
        return data


def _header(name: str, stream: IO[bytes], size: int) -> _Header:
    """The header of an array. Raises ValueError where it is none, or speaks of another size than it has."""
    start = stream.read(len(_MAGIC) + 2)
    if start[: len(_MAGIC)] != _MAGIC or start[-2] not in (1, 2, 3):
        raise ValueError(f"{name} is no array of numpy")
    digits = stream.read(2 if start[-2] == 1 else 4)
    length = int.from_bytes(digits, "little")
    if length > _MAX_HEADER:
        raise ValueError(f"the header of {name} is {length} bytes long")
    found = _HEADER.fullmatch(stream.read(length).decode("latin-1"))
    if not found:
        raise ValueError(f"{name} is no plain array of numbers")
    shape = tuple(int(number) for number in re.findall("[0-9]{1,18}", found[3]))
    begin = len(start) + len(digits) + length
    item = int(re.findall("[0-9]{0,4}$", found[1])[0] or 0)
    if not item or begin + math.prod(shape) * item != size:
        raise ValueError(f"{name} is {size - begin} bytes, not an array {list(shape)} of {short(found[1])}")
    return _Header(found[1], found[2] == "True", shape, begin, size - begin)

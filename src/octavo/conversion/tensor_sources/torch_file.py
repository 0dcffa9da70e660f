"""Weights that PyTorch saved: pytorch_model.bin, in the zip format and in the one before PyTorch 1.6."""

from __future__ import annotations

import io
import reprlib
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, unreadable, wrong_type
from octavo.conversion.tensor_sources.torch_pickle import ITEM_BYTES, MAX_PICKLE_BYTES, Storage, Tensor, load

_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PICKLE: Final = "data.pkl"


class TorchFile:
    """Reads a storage's bytes when one of its tensors is asked for. No code in the file is executed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            reader = _Zip if zipfile.is_zipfile(path) else _Legacy
            self._file = reader(path)
            found = self._file.pickled
        except Exception as error:  # a damaged pickle or archive may lead to any
            raise unreadable(path, str(error) or type(error).__name__) from error
        if not isinstance(found, dict):
            raise unreadable(path, f"it holds {type(found).__name__}, not tensors by name")
        self._tensors: dict[str, Tensor] = {}
        for name, tensor in found.items():
            if not isinstance(name, str) or not isinstance(tensor, Tensor):
                raise unreadable(path, f"{reprlib.repr(name)} is {type(tensor).__name__}, not a tensor")
            self._tensors[name] = tensor

    def names(self) -> Collection[str]:
        return self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def read(self, name: str) -> Array:
        interrupt.check()
        tensor = self._tensors[name]
        try:
            array = tensor.array(self._file.data(tensor.storage))
        except Exception as error:
            raise unreadable(self.path, f"{reprlib.repr(name)}: {error}") from error
        if array is None:
            raise wrong_type(self.path, name, tensor.storage.kind)
        return array


class _Zip:
    """An archive with a pickle, and a member for each storage, which is not compressed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            self._members: Mapping[str, zipfile.ZipInfo] = {
                str(PurePosixPath(*PurePosixPath(info.filename).parts[1:])): info
                for info in archive.infolist()
            }
            member = self._members[_PICKLE]
            if member.file_size > MAX_PICKLE_BYTES:
                raise ValueError(f"{_PICKLE} is larger than {MAX_PICKLE_BYTES >> 20} MiB")
            self.pickled: Any = load(io.BytesIO(archive.read(member)))

    def data(self, storage: Storage) -> bytes:
        member = self._members[f"data/{storage.key}"]
        size = storage.size * ITEM_BYTES[storage.kind]
        if member.compress_type != zipfile.ZIP_STORED or member.file_size < size:
            raise ValueError(f"storage {storage.key} is not {size} bytes")
        with zipfile.ZipFile(self._path) as archive, archive.open(member) as stream:
            return stream.read(size)


class _Legacy:
    """Pickles one after the other: a magic number, the version, sizes of types, the tensors, the keys of the
    storages; then each storage's number of elements and its bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as stream:
            if load(stream) != _LEGACY_MAGIC:
                raise ConversionError("it is no file of PyTorch")
            load(stream)
            load(stream)
            self.pickled: Any = load(stream)
            kinds = {t.storage.key: t.storage for t in dict(self.pickled).values() if isinstance(t, Tensor)}
            self._places: dict[str, int] = {}
            for key in load(stream):
                size = int.from_bytes(stream.read(8), "little")
                self._places[key] = stream.tell()
                stream.seek(size * ITEM_BYTES[kinds[key].kind], io.SEEK_CUR)

    def data(self, storage: Storage) -> bytes:
        size = storage.size * ITEM_BYTES[storage.kind]
        with self._path.open("rb") as stream:
            stream.seek(self._places[storage.key])
            data = stream.read(size)
        if len(data) != size:
            raise ValueError(f"storage {storage.key} is cut short")
        return data

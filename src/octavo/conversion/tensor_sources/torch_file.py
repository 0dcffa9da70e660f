"""Files that PyTorch saved, as archives or in the form before PyTorch 1.6: pytorch_model.bin, checkpoints."""

from __future__ import annotations

import io
import reprlib
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from octavo import interrupt
from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, unreadable, wrong_type
from octavo.conversion.tensor_sources.torch_pickle import ITEM_BYTES, MAX_PICKLE_BYTES, Storage, Tensor, load

_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_LEGACY_BEGIN: Final = b"\x80\x02\x8a\x0a" + _LEGACY_MAGIC.to_bytes(10, "little")
_PICKLE: Final = "data.pkl"


def checkpoint_keys(path: Path) -> Collection[Any]:
    """The keys of what a checkpoint holds; none where ``path`` is no file of PyTorch, or holds no dict."""
    try:
        if not path.is_file() or not (zipfile.is_zipfile(path) or _begins_as_legacy(path)):
            return ()
        content = _open(path, stubs=True).pickled
    except (OSError, ConversionError):
        return ()
    return content.keys() if isinstance(content, dict) else ()


class TorchFile:
    """Reads a storage's bytes when one of its tensors is asked for. No code in the file is executed.

    ``select`` finds the tensors by name in what a checkpoint holds, which is ``content``: dicts, lists,
    numbers, text, ``argparse.Namespace``, and ``Stub`` for objects of training programs. Without it the file
    must hold tensors by name.
    """

    def __init__(self, path: Path, select: Callable[[Any], Any] | None = None) -> None:
        self.path = path
        self._file = _open(path, stubs=select is not None)
        self.content: Any = self._file.pickled
        try:
            found = select(self.content) if select else self.content
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(path, f"it lacks {error}") from error
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


def _open(path: Path, *, stubs: bool) -> _Zip | _Legacy:
    try:
        return (_Zip if zipfile.is_zipfile(path) else _Legacy)(path, stubs=stubs)
    except Exception as error:  # a damaged pickle or archive may lead to any
        raise unreadable(path, str(error) or type(error).__name__) from error


def _begins_as_legacy(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_LEGACY_BEGIN)) == _LEGACY_BEGIN


class _Zip:
    """An archive with a pickle, and a member for each storage, which is not compressed."""

    def __init__(self, path: Path, *, stubs: bool) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            self._members: Mapping[str, zipfile.ZipInfo] = {
                str(PurePosixPath(*PurePosixPath(info.filename).parts[1:])): info
                for info in archive.infolist()
            }
            member = self._members[_PICKLE]
            if member.file_size > MAX_PICKLE_BYTES:
                raise ValueError(f"{_PICKLE} is larger than {MAX_PICKLE_BYTES >> 20} MiB")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{_PICKLE} is compressed, which PyTorch does not do")
            self.pickled: Any = load(io.BytesIO(archive.read(member)), stubs=stubs)

    def data(self, storage: Storage) -> bytes:
        member = self._members[f"data/{storage.key}"]
        size = storage.size * ITEM_BYTES[storage.kind]
        if member.compress_type != zipfile.ZIP_STORED or member.file_size < size:
            raise ValueError(f"storage {storage.key} is not {size} bytes")
        with zipfile.ZipFile(self._path) as archive, archive.open(member) as stream:
            data = stream.read(size)
        if len(data) != size:  # what the archive says of it is not so
            raise ValueError(f"storage {storage.key} is cut short")
        return data


class _Legacy:
    """Pickles one after the other: a magic number, the version, sizes of types, the tensors, the keys of the
    storages; then each storage's number of elements and its bytes."""

    def __init__(self, path: Path, *, stubs: bool) -> None:
        self._path = path
        with path.open("rb") as stream:
            if load(stream) != _LEGACY_MAGIC:
                raise ValueError("it is no file of PyTorch")
            load(stream)
            load(stream)
            kinds: dict[str, Storage] = {}
            self.pickled: Any = load(stream, stubs=stubs, storages=kinds)
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

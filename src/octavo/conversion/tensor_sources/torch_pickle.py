"""The pickles that PyTorch writes, read without PyTorch and without running what they name.

Source: torch/serialization.py and torch/_utils.py of PyTorch 2.13 (``_save``, ``_legacy_save``,
``_rebuild_tensor_v2``).
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
import pickle
import pickletools
from typing import IO, Any, Final, Self

import numpy as np

from octavo.conversion.tensor_source import Array, stored_as

MAX_PICKLE_BYTES: Final = 256 * 1024 * 1024

ITEM_BYTES: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
                     "BOOL": 1}  # fmt: skip
_MEMOS: Final = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")
_STORAGES: Final = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


# Programs whose objects checkpoints hold beside the tensors, and where plain types come from.
_PROGRAMS: Final = frozenset(
    [
        *("fairseq", "omegaconf", "hydra", "onmt", "torchtext", "numpy", "torch", "pathlib", "enum"),
        *("collections", "functools", "typing", "builtins", "__builtin__", "_codecs", "copyreg", "copy_reg"),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """Numbers of one kind that lie in a row, found under ``key``."""

    key: str
    kind: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; ``offset`` and ``stride`` count its numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self, data: bytes | memoryview) -> Array | None:
        """The values, given the storage's bytes; None for a kind that is not for weights."""
        flat = stored_as(self.storage.kind, data)
        if flat is None:
            return None
        steps = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False)


class _Dict(dict[Any, Any]):
    """An OrderedDict, which may have attributes: those of a module's state are left alone."""


class Stub:
    """An object of a program that is not here: what its pickle gives, and nothing of what it does."""

    name = ""
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *arguments: Any, **_: Any) -> Self:
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, value: Any) -> None:
        """Elements of lists are dropped."""

    def extend(self, values: Any) -> None:
        """Elements of lists are dropped."""

    def add(self, value: Any) -> None:
        """Elements of sets are dropped."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Elements of dicts are dropped."""


def load(stream: IO[bytes], *, stubs: bool = False, storages: dict[str, Storage] | None = None) -> Any:
    """One pickled object of ``stream``, which is left behind it: dicts, lists, numbers, text and Tensors.

    Nothing but the names of tensors and their parts can be asked for; with ``stubs`` also those of training
    programs and of plain types, which become Stubs. ``storages`` gets the storages that are named, by their
    keys. Raises pickle.UnpicklingError for any other name, and whatever a damaged pickle leads to.
    """
    start = stream.tell()
    _check(stream)
    size = stream.tell() - start
    stream.seek(start)
    return _Unpickler(io.BytesIO(stream.read(size)), stubs, {} if storages is None else storages).load()


def _check(stream: IO[bytes]) -> None:
    """Refuse a pickle that asks for more memory than it has bytes: a table of memos with holes."""
    memos = 0
    for code, argument, _ in pickletools.genops(stream):
        memos += code.name in _MEMOS
        if code.name in _MEMOS and isinstance(argument, int) and argument > 2 * memos + 256:
            raise pickle.UnpicklingError(f"memo {argument} comes after {memos} others")


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: IO[bytes], stubs: bool, storages: dict[str, Storage]) -> None:
        super().__init__(stream, encoding="utf-8")
        self._has_stubs = stubs
        self._stubs: dict[str, type[Stub]] = {}
        self._storages = storages

    def persistent_load(self, pid: Any) -> Storage:
        """A storage: ("storage", type, key, device, number of elements, ...)."""
        kind, key, size = pid[1], pid[2], pid[4]
        if pid[0] != "storage" or not isinstance(kind, str) or not isinstance(key, str):
            raise pickle.UnpicklingError("a storage without type or key")
        storage = Storage(key, kind, _count(size))
        return self._storages.setdefault(key, storage)

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle may name."""
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
            ("collections", "OrderedDict"): _Dict,
            ("argparse", "Namespace"): argparse.Namespace,
        }
        if (module, name) not in known and self._has_stubs and module.partition(".")[0] in _PROGRAMS:
            whole = f"{module}.{name}"
            return self._stubs.setdefault(whole, type("Stub", (Stub,), {"name": whole}))
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is none of a tensor's parts")
        return known[module, name]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> Tensor:
    if not isinstance(storage, Storage) or len(shape) != len(stride):
        raise pickle.UnpicklingError("a tensor without a storage")
    tensor = Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, stride)))
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride, strict=True))
    if math.prod(tensor.shape) > storage.size or tensor.offset + max(last, 0) >= max(storage.size, 1):
        raise pickle.UnpicklingError("a tensor larger than its storage")
    return tensor


def _rebuild_parameter(tensor: Any, *_: object) -> Any:
    return tensor


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 48:
        raise pickle.UnpicklingError(f"{value!r} is no count")
    return value

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
from typing import IO, Any, ClassVar, Final, Self

import numpy as np

from octavo.conversion.tensor_source import Array, stored_as

MAX_PICKLE_BYTES: Final = 64 * 1024 * 1024
_MAX_OPERATIONS: Final = 8_000_000
_MAX_KEY_DEPTH: Final = 3
_MAX_KEY_PARTS: Final = 8

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
        last = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        if math.prod(self.shape) and self.offset + last >= len(flat):
            raise ValueError(f"storage {self.storage.key} is cut short")
        steps = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False)


class _Dict(dict[Any, Any]):
    """An OrderedDict, which may have attributes: those of a module's state are left alone."""

    def __init__(self, pairs: Any = ()) -> None:
        super().__init__((_key(key), value) for key, value in pairs)


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
    """Refuse a pickle that asks for much more memory than it has bytes: a table of memos with holes, or
    very many small objects."""
    memos = 0
    for count, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if count == _MAX_OPERATIONS:
            raise pickle.UnpicklingError(f"it has more than {_MAX_OPERATIONS:,} parts")
        memos += code.name in _MEMOS
        if code.name in _MEMOS and isinstance(argument, int) and argument > 2 * memos + 256:
            raise pickle.UnpicklingError(f"memo {argument} comes after {memos} others")


def _key(value: Any, depth: int = 0) -> Any:
    """``value``, which can be hashed: neither too deep for the stack nor in exponential time."""
    if isinstance(value, tuple) and depth < _MAX_KEY_DEPTH and len(value) <= _MAX_KEY_PARTS:
        for part in value:
            _key(part, depth + 1)
    elif not isinstance(value, str | bytes | int | float | None | Stub | type):
        raise pickle.UnpicklingError(f"a key that is a {type(value).__name__}, or nested deeply")
    return value


_PlainUnpickler: Any = vars(pickle)["_Unpickler"]  # written in Python: its operations can be replaced


class _Unpickler(_PlainUnpickler):  # type: ignore[misc]
    """Takes care of what hashes, and of what changes an object."""

    dispatch: ClassVar[dict[int, Any]] = dict(_PlainUnpickler.dispatch)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put([(key, value)])

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._put(list(zip(items[::2], items[1::2], strict=True)))

    def _make_dict(self) -> None:
        items = self.pop_mark()
        self.append({_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)})

    def _put(self, pairs: list[tuple[Any, Any]]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict | Stub):
            raise pickle.UnpicklingError(f"elements of a {type(target).__name__}, which has no keys")
        for key, value in pairs:
            target[_key(key)] = value

    def _add_items(self) -> None:
        items = self.pop_mark()
        if not isinstance(self.stack[-1], set | Stub):
            raise pickle.UnpicklingError("elements of what is no set")
        for item in items:
            self.stack[-1].add(_key(item))

    def _make_frozenset(self) -> None:
        self.append(frozenset(map(_key, self.pop_mark())))

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Stub):
            target.state = state
        elif isinstance(target, argparse.Namespace):
            if not isinstance(state, dict):
                raise pickle.UnpicklingError("a Namespace of a form that is not known")
            vars(target).update((str(key), value) for key, value in state.items())
        elif not isinstance(target, _Dict):
            raise pickle.UnpicklingError(f"a state for a {type(target).__name__}")

    dispatch |= {
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _make_dict,
        pickle.ADDITEMS[0]: _add_items,
        pickle.FROZENSET[0]: _make_frozenset,
        pickle.BUILD[0]: _build,
    }

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
        raise pickle.UnpicklingError("a number that counts something is none")
    return value

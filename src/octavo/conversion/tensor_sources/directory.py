"""The weights of a Hugging Face model directory: one file, or several with an index."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection
from pathlib import Path, PurePath
from typing import Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object
from octavo.conversion.tensor_source import Array, TensorSource
from octavo.conversion.tensor_sources.safetensors_file import SafetensorsFile
from octavo.conversion.tensor_sources.torch_file import TorchFile

SAFETENSORS: Final = "model.safetensors"
PICKLED: Final = "pytorch_model.bin"
_KINDS: Final[tuple[tuple[str, Callable[[Path], TensorSource]], ...]] = (
    (SAFETENSORS, SafetensorsFile),
    (PICKLED, TorchFile),
)
_LONGEST_NAME: Final = 255  # bytes of a name that file systems have
_OTHERS: Final = ("tf_model.h5", "flax_model.msgpack", "rust_model.ot", "model.onnx")


def open_weights(directory: Path) -> TensorSource:
    """model.safetensors, its shards, pytorch_model.bin or its shards: the first that there is.

    Raises ConversionError, naming the file, where there is none, or it is truncated or of another kind.
    """
    for name, kind in _KINDS:
        if (directory / name).is_file():
            return kind(directory / name)
        index = directory / f"{name}.index.json"
        if index.is_file():
            return _Shards(index, kind)
    there = [name for name in _OTHERS if (directory / name).exists()]
    if there:
        raise ConversionError(
            f"{directory / there[0]}: the weights are in a form that is not read; load the model with "
            f"Transformers and save it, which writes {SAFETENSORS}"
        )
    raise ConversionError(
        f"{directory / SAFETENSORS}: missing, and {PICKLED} too; copy the whole model directory"
    )


def _is_file_name(file: object) -> bool:
    if not isinstance(file, str) or not file.isprintable() or len(file.encode()) > _LONGEST_NAME:
        return False
    return PurePath(file).name == file and file not in ("", ".", "..")


class _Shards:
    """Several files, of which ``path`` says what is where. Each is opened when it is needed."""

    def __init__(self, path: Path, kind: Callable[[Path], TensorSource]) -> None:
        self.path = path
        self._kind = kind
        places = read_object(path).get("weight_map")
        if not isinstance(places, dict) or not places:
            raise ConversionError(f"{path}: has no weight_map; copy the file again")
        self._places: dict[str, str] = {}
        for name, file in places.items():
            if not _is_file_name(file):
                raise ConversionError(
                    f"{path}: tensor {reprlib.repr(name)} is in {reprlib.repr(file)}, which is no name of a "
                    "file beside it"
                )
            self._places[name] = file
        missing = sorted(file for file in set(self._places.values()) if not (path.parent / file).is_file())
        if missing:
            raise ConversionError(
                f"{path.parent / missing[0]}: missing ({len(missing)} of the model's files are); copy the "
                "whole model directory"
            )
        self._open: tuple[str, TensorSource] | None = None

    def names(self) -> Collection[str]:
        return self._places

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shard(name).shape(name)

    def read(self, name: str) -> Array:
        return self._shard(name).read(name)

    def _shard(self, name: str) -> TensorSource:
        file = self._places[name]
        if self._open is None or self._open[0] != file:
            self._open = file, self._kind(self.path.parent / file)
        source = self._open[1]
        if name not in source.names():
            raise ConversionError(
                f"{source.path}: has no tensor {name}, which {self.path.name} says is there; copy the files "
                "again"
            )
        return source

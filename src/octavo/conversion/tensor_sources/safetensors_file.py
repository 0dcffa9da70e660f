"""Weights in a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from octavo import interrupt
from octavo.conversion.tensor_source import Array, stored_as, unreadable, wrong_type

_LENGTH_BYTES: Final = 8


class SafetensorsFile:
    """The library checks the file. Tensors are read by their places, bfloat16 too, which numpy lacks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, framework="numpy", backend="pread"):
                pass
            with path.open("rb") as stream:
                length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
                entries: dict[str, Any] = json.loads(stream.read(length))
        except (SafetensorError, OSError, ValueError) as error:
            raise unreadable(path, str(error)) from error
        entries.pop("__metadata__", None)
        self._entries = entries
        self._data = _LENGTH_BYTES + length

    def names(self) -> Collection[str]:
        return self._entries

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._entries[name]["shape"])

    def read(self, name: str) -> Array:
        interrupt.check()
        entry = self._entries[name]
        start, end = entry["data_offsets"]
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._data + start)
                data = stream.read(end - start)
        except OSError as error:
            raise unreadable(self.path, error.strerror or str(error)) from error
        if len(data) != end - start:
            raise unreadable(self.path, f"tensor {name} is cut short")
        array = stored_as(entry["dtype"], data)
        if array is None:
            raise wrong_type(self.path, name, entry["dtype"])
        return array.reshape(self.shape(name))

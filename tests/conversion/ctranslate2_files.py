"""Files as CTranslate2 writes them, byte by byte: every version, every type."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "bfloat16": 5}


class Bfloat16:
    """float32 numbers to be written as bfloat16, cut."""

    def __init__(self, array: np.ndarray) -> None:
        self.bits = (np.asarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)
        self.widened = (self.bits.astype(np.uint32) << 16).view(np.float32)


def name_bytes(value: str) -> bytes:
    """A text of the file."""
    data = value.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def variable_bytes(name: str, value: np.ndarray | Bfloat16, version: int = 6) -> bytes:
    """A variable of the file."""
    array = value.bits if isinstance(value, Bfloat16) else np.asarray(value)
    kind = "bfloat16" if isinstance(value, Bfloat16) else array.dtype.name
    head = name_bytes(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    if version >= 4:
        return head + struct.pack("<BI", TYPES[kind], array.nbytes) + array.tobytes()
    return head + struct.pack("<BI", array.itemsize, array.size) + array.tobytes()


def model_bytes(
    variables: Mapping[str, np.ndarray | Bfloat16],
    aliases: Mapping[str, str] | None = None,
    *,
    version: int = 6,
    specification: str = "TransformerSpec",
    revision: int = 7,
) -> bytes:
    """A model.bin."""
    out = struct.pack("<I", version)
    if version >= 2:
        out += name_bytes(specification) + struct.pack("<I", revision)
    out += struct.pack("<I", len(variables))
    out += b"".join(variable_bytes(name, value, version) for name, value in variables.items())
    if version >= 3:
        pairs = (aliases or {}).items()
        out += struct.pack("<I", len(pairs))
        out += b"".join(name_bytes(alias) + name_bytes(name) for alias, name in pairs)
    return out

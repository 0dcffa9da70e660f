"""Files as PyTorch saves them, written byte by byte: no PyTorch, and whatever a hostile pickle may say."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "float64": "DoubleStorage",
}


def text(value: str) -> bytes:
    """A text of a pickle."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """A whole number of a pickle, of any size."""
    return b"I%d\n" % value


def row(*parts: bytes) -> bytes:
    """A tuple of a pickle."""
    return b"(" + b"".join(parts) + b"t"


def tensor(
    key: str, kind: str, size: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> bytes:
    """A tensor of a pickle: a view of the storage ``key``."""
    storage = row(text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"), number(size)) + b"Q"
    counts = [row(*map(number, values)) for values in (shape, stride)]
    rest = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + row(storage, number(offset), *counts, rest) + b"R"


def whole_tensor(key: str, array: np.ndarray) -> bytes:
    """A tensor that is all of its storage."""
    stride = tuple(step // array.itemsize for step in array.strides)
    return tensor(key, STORAGES[array.dtype.name], array.size, 0, array.shape, stride)


def dict_of(values: Mapping[str, bytes]) -> bytes:
    """A dict of a pickle."""
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def pickled(value: bytes) -> bytes:
    """A whole pickle."""
    return b"\x80\x02" + value + b"."


def zip_bytes(content: bytes, storages: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The archive that PyTorch writes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", b"3\n")
    return out.getvalue()


def legacy_bytes(content: bytes, storages: Mapping[str, bytes], item_bytes: int = 4) -> bytes:
    """What PyTorch wrote before 1.6."""
    head = b"".join(pickle.dumps(part, 2) for part in (LEGACY_MAGIC, 1001, {"little_endian": True}))
    keys = pickle.dumps(list(storages), 2)
    data = b"".join(struct.pack("<q", len(d) // item_bytes) + d for d in storages.values())
    return head + content + keys + data

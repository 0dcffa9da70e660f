"""Files as Marian and Firefox keep them, written for benchmarks and tests: .bin, and lexical shortlists."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from octavo.conversion.marian.shortlist import MAGIC, checksum_of
from octavo.conversion.tensor_sources.marian_bin import FLOAT32, INT8, INTGEMM8, VERSION, is_embedding

SETTINGS = "special:model.yml"
_ALIGNMENT = 256


def is_product(name: str) -> bool:
    """Whether Marian keeps a tensor of this name in int8: weights of products, and embeddings."""
    return is_embedding(name) or name[-3:-1] == "_W" or name.endswith("_W")


def integers_of(weights: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """int8, and what the weights were multiplied with: 127 over the largest of the whole matrix."""
    multiplier = np.float32(127) / np.abs(weights).max()
    return np.clip(np.rint(weights * multiplier), -127, 127).astype(np.int8), multiplier


def bin_bytes(
    tensors: Mapping[str, np.ndarray], settings: str, alphas: Mapping[str, float] | None = None
) -> bytes:
    """A .bin of float32 tensors by Marian's names; where there are ``alphas`` products are in int8.

    ``alphas``: for each product what its input is multiplied with before it is rounded.
    """
    items = []
    for name, array in tensors.items():
        if alphas is not None and is_product(name):
            values, multiplier = integers_of(array)
            data = (values if is_embedding(name) else values.T).tobytes() + multiplier.tobytes()
            items.append((name, INTGEMM8, array.shape, data))
        else:
            items.append((name, FLOAT32, array.shape, array.astype("<f4").tobytes()))
    for name, alpha in (alphas or {}).items():
        items.append((f"{name}_QuantMultA", FLOAT32, (1,), np.float32(alpha).tobytes()))
    text = settings.encode() + b"\0\0\0"
    items.append((SETTINGS, INT8, (len(text),), text))
    return layout(items)


def layout(items: Sequence[tuple[str, int, tuple[int, ...], bytes]]) -> bytes:
    """A file of tensors: name, type, shape and bytes."""
    padded = [data + bytes(-len(data) % _ALIGNMENT) for *_, data in items]
    out = struct.pack("<2Q", VERSION, len(items))
    for (name, kind, shape, _), data in zip(items, padded, strict=True):
        out += struct.pack("<4Q", len(name) + 1, kind, len(shape), len(data))
    out += b"".join(name.encode() + b"\0" for name, *_ in items)
    out += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in items)
    gap = -(len(out) + 8) % _ALIGNMENT
    return out + struct.pack("<Q", gap) + bytes(gap) + b"".join(padded)


def lexical_bytes(lists: Sequence[Sequence[int]], first: int, best: int = 50) -> bytes:
    """A binary lexical shortlist: target tokens for each source token, and how many tokens are for all."""
    ends = np.cumsum([0, *map(len, lists)]).astype("<u8")
    ids = np.concatenate([np.sort(np.asarray(tokens, "<u4")) for tokens in lists])
    body = struct.pack("<4Q", first, best, len(ends), len(ids)) + ends.tobytes() + ids.tobytes()
    return struct.pack("<2Q", MAGIC, checksum_of(body)) + body

"""Damaged model directories, by a seeded generator: each must open, or be refused, and nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 64, 96, 97, 255, 65_535, 65_536, 1_048_576, 1_048_577),
    *(2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e-5, 1e308, float("inf"), float("nan")),
    *(
        "",
        "x",
        "pre",
        "post",
        "none",
        "int8-dynamic",
        "learned",
        "sinusoidal-interleaved",
        "../x",
        "/etc/passwd",
    ),
    *(
        "config.json",
        ".",
        "..",
        "a\0b",
        "\ud800",
        "0" * 64,
        "x" * 5000,
        [],
        {},
        [[]],
        [0, 1, 2],
        [-1],
        {"a": 1},
    ),
)
ODD_DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3", "X", "", None)


def mutate(directory: Path, rng: random.Random, kind: str) -> str:
    """Damage a model directory in place in the way of ``kind``, one of KINDS. Returns what was done.

    Kinds that begin with "sealed" record the damaged file's new size and checksum in config.json,
    so that only the checks behind the checksum can find the damage.
    """
    return KINDS[kind](directory, rng)


def _any_file(directory: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(path for path in directory.iterdir() if path.is_file()))


def _tensors_file(directory: Path) -> Path:
    return directory / "model.safetensors"


def _tokenizer_file(directory: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(directory.glob("*.spm")))


def _flip_bits(path: Path, rng: random.Random, start: int = 0, stop: int | None = None) -> str:
    data = bytearray(path.read_bytes())
    stop = min(stop or len(data), len(data))
    if start >= stop:
        return f"{path.name}: empty"
    places = [rng.randrange(start, stop) for _ in range(rng.choice((1, 1, 2, 8)))]
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"{path.name}: flip a bit of bytes {places}"


def _flip(directory: Path, rng: random.Random) -> str:
    return _flip_bits(_any_file(directory, rng), rng)


def _resize(directory: Path, rng: random.Random) -> str:
    return _resize_file(_any_file(directory, rng), rng)


def _resize_file(path: Path, rng: random.Random) -> str:
    data = path.read_bytes()
    if rng.random() < 0.7:
        size = rng.choice((0, 1, 7, 8, 9, len(data) - 1, rng.randrange(len(data)), rng.randrange(len(data))))
        path.write_bytes(data[:size])
        return f"{path.name}: truncate to {size} bytes"
    extra = rng.choice((1, 2, 8, 1000))
    path.write_bytes(data + rng.randbytes(extra))
    return f"{path.name}: append {extra} bytes"


def _splice(directory: Path, rng: random.Random) -> str:
    """Delete a run of bytes, double it or write noise over it."""
    path = _any_file(directory, rng)
    data = path.read_bytes()
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.randrange(1, 40))
    middle = rng.choice((b"", data[start:stop] * 2, rng.randbytes(stop - start)))
    path.write_bytes(data[:start] + middle + data[stop:])
    return f"{path.name}: bytes {start} to {stop} became {middle!r}"


def _remove(directory: Path, rng: random.Random) -> str:
    path = _any_file(directory, rng)
    path.unlink()
    if rng.random() < 0.3:
        path.mkdir()
        return f"{path.name}: a directory now"
    return f"{path.name}: removed"


def _containers(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [value] if isinstance(value, dict | list) and value else []
    return found + [container for child in children for container in _containers(child)]


def _edit_json(value: Any, rng: random.Random, odd: tuple[Any, ...]) -> str:
    """Change, remove, rename or add one entry somewhere in a JSON value."""
    container = rng.choice(_containers(value))
    if isinstance(container, list):
        place = rng.randrange(len(container))
        container[place] = rng.choice(odd)
        return f"item {place} = {container[place]!r:.80}"
    key = rng.choice(sorted(container))
    action = rng.choice(("set", "set", "set", "set", "remove", "rename", "add"))
    if action == "set":
        container[key] = rng.choice(odd)
    elif action == "add":
        container[rng.choice(("x", "", "__metadata__", key + "_scale"))] = rng.choice(odd)
    else:
        moved = container.pop(key)
        if action == "rename":
            container[rng.choice((key + "x", key[:-1], key.upper(), key + "\0"))] = moved
    return f"{action} {key}: {container.get(key)!r:.80}"


def _config(directory: Path, rng: random.Random) -> str:
    path = directory / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    done = [_edit_json(values, rng, ODD_VALUES) for _ in range(rng.choice((1, 1, 2)))]
    path.write_text(json.dumps(values), encoding="utf-8")
    return f"config.json: {'; '.join(done)}"


def _config_numbers(directory: Path, rng: random.Random) -> str:
    """Other numbers that may be valid, so that config.json and the tensors disagree."""
    path = directory / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    part = values[rng.choice(("model", "model", "search"))]
    key = rng.choice(sorted(key for key, value in part.items() if isinstance(value, int | float)))
    old = part[key]
    part[key] = (
        rng.choice((not old,)) if isinstance(old, bool) else rng.choice((old * 2, old + 1, old // 2, old - 1))
    )
    path.write_text(json.dumps(values), encoding="utf-8")
    return f"config.json: {key} = {part[key]}"


def _quality(directory: Path, rng: random.Random) -> str:
    """quality.json has no checksum: any value may stand in it."""
    values: dict[str, Any] = {
        "bleu": 38.9,
        "dev": [{"name": "dev.en", "bleu": 30.5}],
        "training": {"updates": 90},
    }
    done = [_edit_json(values, rng, ODD_VALUES) for _ in range(rng.choice((1, 1, 2)))]
    (directory / "quality.json").write_text(json.dumps(values), encoding="utf-8")
    return f"quality.json: {'; '.join(done)}"


def _seal(directory: Path, path: Path) -> None:
    """Record the file as it is now in config.json."""
    config = directory / "config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    data = path.read_bytes()
    entry = {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if path.suffix == ".spm":
        for side, old in values["tokenizer"].items():
            values["tokenizer"][side] = entry if old["file"] == path.name else old
    else:
        values["tensors"] = entry
    config.write_text(json.dumps(values), encoding="utf-8")


def _sealed_header_bits(directory: Path, rng: random.Random) -> str:
    path = _tensors_file(directory)
    header_end = 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]
    done = _flip_bits(path, rng, 0, 8 if rng.random() < 0.2 else header_end)
    _seal(directory, path)
    return f"sealed {done}"


def _sealed_header(directory: Path, rng: random.Random) -> str:
    """Edit the header of the tensors file as JSON."""
    path = _tensors_file(directory)
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    odd = (*ODD_VALUES, *ODD_DTYPES, [0, 0], [1], [16], [96, 16], [2**32, 2**32], [2**62, 4], [-1, 16])
    done = [_edit_json(header, rng, odd) for _ in range(rng.choice((1, 1, 2)))]
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)
    length = rng.choice(
        (len(text),) * 9 + (0, len(text) - 1, len(text) + 1, len(data), 2**63, 2**64 - 1, 10**8)
    )
    path.write_bytes(struct.pack("<Q", length) + text + data[8 + size :])
    _seal(directory, path)
    return f"sealed {path.name}: header of {length} bytes, {'; '.join(done)}"


def _sealed_values(directory: Path, rng: random.Random) -> str:
    """Flip bits of weights, or write NaN, infinity, -128 and the like over them."""
    path = _tensors_file(directory)
    data = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", data[:8])[0]
    if rng.random() < 0.5:
        done = _flip_bits(path, rng, start)
    else:
        place = rng.randrange(start, len(data) - 4) & ~3
        odd = rng.choice((float("nan"), float("inf"), -float("inf"), -1.0, 1e38, 1e-45, -0.0))
        data[place : place + 4] = rng.choice((struct.pack("<f", odd), b"\x80\x80\x80\x80"))
        path.write_bytes(data)
        done = f"{path.name}: {bytes(data[place : place + 4])!r} at {place}"
    _seal(directory, path)
    return f"sealed {done}"


def _sealed_size(directory: Path, rng: random.Random) -> str:
    path = _tensors_file(directory)
    done = _resize_file(path, rng)
    _seal(directory, path)
    return f"sealed {done}"


def _sealed_tokenizer(directory: Path, rng: random.Random) -> str:
    path = _tokenizer_file(directory, rng)
    if rng.random() < 0.3:
        done = _resize_file(path, rng)
    else:  # the pieces lie at the front, what trained them behind; the table of characters between
        done = _flip_bits(path, rng, 0, rng.choice((None, 100, 2500)))
    _seal(directory, path)
    return f"sealed {done}"


KINDS: dict[str, Callable[[Path, random.Random], str]] = {
    "flip": _flip,
    "resize": _resize,
    "splice": _splice,
    "remove": _remove,
    "config": _config,
    "config-numbers": _config_numbers,
    "quality": _quality,
    "sealed-header-bits": _sealed_header_bits,
    "sealed-header": _sealed_header,
    "sealed-values": _sealed_values,
    "sealed-size": _sealed_size,
    "sealed-tokenizer": _sealed_tokenizer,
}

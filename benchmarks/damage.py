"""How files are damaged, and what a format has to say of itself to be tried."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ODD_NUMBERS = (0, 1, 2, 7, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
HOSTILE_NAMES = ("../evil", "/etc/passwd", "..", ".", "", "x/../../evil", "C:\\evil", "\0", "a" * 5000)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3.5, 2**31, 2**70, -(2**63), 1e308, float("nan"), float("inf")),
    *("", "x", "\n", "\0", "</s>", "<unk>", "../x", "\ud800", "a" * 3000),
    *([], {}, [[]], [1, 2], [0, 1, 2], [-1], [None], {"a": 1}, {"content": "x"}, {"type": "Sequence"}),
)
ODD_KEYS = ("</s>", "x", "", "-1", "eos_token")
MOST_DOUBLED = 200
"""Bytes of a place that is doubled."""


@dataclasses.dataclass(frozen=True)
class Format:
    """A whole file, a file that is wrong in a way of its own, and what reads one."""

    whole: Callable[[random.Random], bytes]
    odd: Callable[[random.Random], bytes]
    use: Callable[[Path], None]


def check_message(error: Exception) -> None:
    """One sentence, of bounded length."""
    message = str(error)
    assert message and "\n" not in message and len(message) < 1000, message


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with bits flipped, cut, doubled or with noise in a place."""
    found = bytearray(data or b"\0")
    kind = rng.randrange(5)
    if kind == 0:
        for _ in range(rng.choice((1, 1, 2, 8))):
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del found[rng.randrange(len(found)) :]
    elif kind == 2:
        start = rng.randrange(len(found))
        found[start : start + rng.randrange(1, 40)] = rng.randbytes(rng.randrange(40))
    elif kind == 3:
        width = rng.choice((2, 4, 8))
        place = rng.randrange(max(1, len(found) - width))
        found[place : place + width] = struct.pack("<Q", rng.choice(ODD_NUMBERS))[:width]
    else:
        start = rng.randrange(len(found))
        found[start:start] = found[start : start + rng.randrange(1, MOST_DOUBLED)]
    return bytes(found)


def damaged_inside(data: bytes, rng: random.Random) -> bytes:
    """The file with damage behind what holds it together: in a value of JSON or of the head of safetensors,
    in a member of an archive, in a line of text. The bytes of any other file are damaged."""
    if data[:2] == b"PK":
        return _damaged_archive(data, rng)
    end = 8 + struct.unpack("<Q", data[:8])[0] if data[8:9] == b"{" else 0
    try:
        if end:
            head = _damaged_json(data[8:end], rng)
            return struct.pack("<Q", len(head)) + head + data[end:]
        if data[:1] in (b"{", b"["):
            return _damaged_json(data, rng)
    except ValueError:  # numbers that begin alike
        return damaged(data, rng)
    return damaged(data, rng) if b"\0" in data else _damaged_lines(data, rng)


def _damaged_json(data: bytes, rng: random.Random) -> bytes:
    return json.dumps(damaged_values(json.loads(data), rng)).encode()


def damaged_values(values: Any, rng: random.Random) -> Any:
    """Other values in one to three places, one key less or one more."""
    for _ in range(rng.randrange(1, 4)):
        found = list(_places(values))
        if not found:
            return values
        container, key = rng.choice(found)
        way = rng.random()
        if way < 0.1 and isinstance(container, dict):
            del container[key]
        elif way < 0.2 and isinstance(container, dict):
            container[rng.choice(ODD_KEYS)] = copy.deepcopy(rng.choice(ODD_VALUES))
        else:
            container[key] = copy.deepcopy(rng.choice(ODD_VALUES))  # the next change may be in it
    return values


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in the value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _damaged_lines(data: bytes, rng: random.Random) -> bytes:
    """A line that is gone, comes twice, elsewhere or with another end."""
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    line = lines[place]
    cut = rng.randrange(len(line) + 1)
    odd = str(rng.choice(ODD_VALUES)).encode(errors="surrogatepass")
    lines[place : place + 1] = rng.choice(
        ([], [line, line], [line[:cut]], [line[:cut] + odd], [line, odd], [odd + line[cut:]])
    )
    return b"\n".join(lines)


def _damaged_archive(data: bytes, rng: random.Random) -> bytes:
    """A zip with a member that is damaged, gone, there twice, a bomb, another's, or of a hostile name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    sizes = [len(content) ** 0.5 for _, content in members]
    place = rng.choices(range(len(members)), sizes)[0] if any(sizes) else 0
    name, content = members[place]
    way = rng.randrange(10)
    if way == 0:
        del members[place]
    elif way == 1:
        members.append((name, damaged(content, rng)))
    elif way == 2:
        members[place] = (rng.choice(HOSTILE_NAMES[:7]) or "x", content)
    elif way == 3:
        members[place] = (name, bytes(rng.choice((0, 100, 3 << 20))))
    elif way == 4:
        members[place] = (name, rng.choice(members)[1])
    else:
        members[place] = (name, (damaged_inside if way < 7 else damaged)(content, rng))
    return archive_of(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def archive_of(members: list[tuple[str, bytes]], method: int) -> bytes:
    """A zip of these members, which may share names."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()

"""How files are damaged, and what a format has to say of itself to be tried."""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

ODD_NUMBERS = (0, 1, 2, 7, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
HOSTILE_NAMES = ("../evil", "/etc/passwd", "..", ".", "", "x/../../evil", "C:\\evil", "\0", "a" * 5000)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 2**70, "", "../x", [], {}, [[]], [1, 2], {"a": 1}, "a" * 3000),
)


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
    found = bytearray(data)
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
        found[start:start] = found[start : start + rng.randrange(1, 200)]
    return bytes(found)

"""Damaged files of weights, by a seeded generator: each is read, or refused in one sentence.

python benchmarks/fuzz_weights.py --mutations 5000
"""

from __future__ import annotations

import argparse
import collections
import io
import random
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.marian_files import SETTINGS, bin_bytes, layout, lexical_bytes

from octavo.conversion import ConversionError
from octavo.conversion.marian.shortlist import LexicalShortlist, checksum_of
from octavo.conversion.tensor_sources.marian_bin import MarianBin
from octavo.conversion.tensor_sources.npz_file import NpzFile

ODD_NUMBERS = (0, 1, 2, 7, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
ODD_HEADERS = (
    b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
    b"{'descr': '<f4', 'fortran_order': True, 'shape': (-3, -4), }",
    b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }",
    b"{'descr': '<f0', 'fortran_order': False, 'shape': (), }",
    b"__import__('os').abort()",
    b"[" * 4000,
)


def tensors() -> dict[str, np.ndarray]:
    """Weights of a few shapes."""
    values = np.random.default_rng(1).normal(size=(12, 8)).astype(np.float32)
    return {
        "Wemb": values,
        "encoder_l1_self_Wq": values[:8],
        "encoder_l1_self_bq": values[:1],
        "one": values[0, :1],
    }


def npz_bytes(rng: random.Random) -> bytes:
    """An archive, compressed or not."""
    stream = io.BytesIO()
    save = rng.choice((np.savez, np.savez_compressed))
    save(stream, **tensors(), **{SETTINGS: np.frombuffer(b"type: transformer\n\0\0", np.int8)})
    return stream.getvalue()


def odd_npz(rng: random.Random) -> bytes:
    """An archive that is whole, with a member that is not."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        header = rng.choice(ODD_HEADERS)
        length = rng.choice((len(header), len(header), rng.randrange(2**16)))
        magic = b"\x93NUMPY" + bytes([rng.choice((0, 1, 1, 2, 3, 4)), 0]) + struct.pack("<H", length)
        size = rng.choice((0, 12, 48, 10_000_000))
        for name in rng.choice((["Wemb.npy"], ["../x.npy", "/etc/x.npy"], ["a", ".npy"])):
            archive.writestr(name, magic + header + bytes(size))
    return stream.getvalue()


def odd_bin(rng: random.Random) -> bytes:
    """A .bin whose numbers in front of the data are odd."""
    items = [
        ("Wemb", rng.choice((0x4101, 0x4102, 0x0404, 0x1801, rng.randrange(2**16))), (12, 8), bytes(100))
    ]
    data = bytearray(layout(items * rng.choice((1, 1, 2))))
    place = rng.randrange(0, 6) * 8
    data[place : place + 8] = struct.pack("<Q", rng.choice(ODD_NUMBERS))
    return bytes(data)


def odd_lexical(rng: random.Random) -> bytes:
    """A shortlist with a right checksum and wrong contents, or odd numbers in front."""
    if rng.random() < 0.5:
        return lexical_bytes(
            [[rng.randrange(2**32 - 1)] for _ in range(rng.randrange(1, 9))], rng.choice((0, 5, 2**40))
        )
    data = bytearray(damaged(lexical_bytes([[1, 2], [3], [1, 4, 5]], 2), rng))
    data[8:16] = struct.pack("<Q", checksum_of(bytes(data[16:])))
    return bytes(data)


def use_source(source: NpzFile | MarianBin) -> None:
    """Read all that there is."""
    for name in source.names():
        assert isinstance(source.shape(name), tuple)
        for read in (source.read, source.read_bytes, getattr(source, "read_integers", source.read)):
            try:
                read(name)
            except ConversionError as error:
                check_message(error)


def use_lexical(shortlist: LexicalShortlist) -> None:
    """Make a shortlist of a model of it."""
    made = shortlist.for_model(4, 12, eos=0, shared=True, never=[1, 3])
    assert len(made.offsets) == 5


FORMATS: dict[
    str, tuple[Callable[[random.Random], bytes], Callable[[random.Random], bytes], Callable[[Path], None]]
]
FORMATS = {
    "npz": (npz_bytes, odd_npz, lambda path: use_source(NpzFile(path))),
    "bin": (
        lambda _: bin_bytes(tensors(), "type: transformer\n", {"encoder_l1_self_Wq": 3.5, "Wemb": 2.0}),
        odd_bin,
        lambda path: use_source(MarianBin(path)),
    ),
    "lex": (
        lambda _: lexical_bytes([[1, 2, 11], [3], [4, 5]], 2),
        odd_lexical,
        lambda path: use_lexical(LexicalShortlist.read(path)),
    ),
}
"""Of each format: a whole file, a file that is wrong in a way of its own, and what reads it."""


def check_message(error: ConversionError) -> None:
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


def run(kind: str, count: int, seed: int, folder: Path) -> collections.Counter[str]:
    """Try ``count`` damaged files of a format. Raises whatever is no ConversionError of one sentence."""
    whole, odd, use = FORMATS[kind]
    outcomes: collections.Counter[str] = collections.Counter()
    path = folder / f"file.{kind}"
    for number in range(count):
        rng = random.Random(f"{seed} {kind} {number}")
        path.write_bytes(odd(rng) if number % 4 == 3 else damaged(whole(rng), rng))
        try:
            use(path)
            outcomes["read"] += 1
        except ConversionError as error:
            check_message(error)
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{kind}: seed {seed}, number {number}") from error
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=5_000, help="of each format")
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.formats:
            outcomes = run(kind, arguments.mutations, arguments.seed, Path(folder))
            print(f"{kind}: {dict(sorted(outcomes.items()))}", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()

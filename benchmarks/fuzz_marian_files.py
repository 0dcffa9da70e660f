"""Damaged files of Marian and Firefox: .npz, .bin, lexical shortlists and YAML."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
from benchmarks.damage import ODD_NUMBERS, Format, check_message, damaged
from benchmarks.marian_files import SETTINGS, bin_bytes, layout, lexical_bytes
from tests.conversion import marian_npz

from octavo.conversion import ConversionError
from octavo.conversion.families import marian
from octavo.conversion.marian.shortlist import LexicalShortlist, checksum_of
from octavo.conversion.tensor_sources.marian_bin import MarianBin
from octavo.conversion.tensor_sources.npz_file import NpzFile

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


SETTINGS_TEXT = marian_npz.settings_text({})
DECODER_TEXT = """\
relative-paths: true
models:
  - model.npz
vocabs: [vocab.spm, "vocab.spm"]
beam-size: 6
normalize: 0.6
word-penalty: 0
max-length-factor: 2.5
"""
ODD_TEXTS = (
    *("", "0", "-1", "1e999", "nan", "true", "[]", "[a, b]", "\n  - 1\n  - 2", "../../x", "'"),
    *('"\\x"', '"\\0"', "x" * 2000, "9" * 5000),
)


def odd_yaml(text: str, rng: random.Random) -> bytes:
    """The text with other values of one to three keys."""
    lines = text.splitlines()
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(lines))
        lines[place] = f"{lines[place].split(':')[0]}: {rng.choice(ODD_TEXTS)}"
    return "\n".join(lines).encode()


def use_settings(path: Path) -> None:
    """Read a model with these settings."""
    folder = path.with_name("settings")
    if not folder.exists():
        marian_npz.write_model(folder)
    text = np.frombuffer(path.read_bytes() or b"\n", np.int8)
    np.savez(folder / "model.npz", **WEIGHTS, **{SETTINGS: text})
    use_model(folder)


def use_decoder(path: Path) -> None:
    """Read a model with this decoder.yml."""
    folder = path.with_name("decoder")
    if not folder.exists():
        marian_npz.write_model(folder)
    (folder / "decoder.yml").write_bytes(path.read_bytes())
    use_model(folder)


def use_model(folder: Path) -> None:
    """Read a model and all its tensors."""
    for array in marian.read(folder).tensors.values():
        assert array.size


WEIGHTS = marian_npz.tensors({})

FORMATS = {
    "npz": Format(npz_bytes, odd_npz, lambda path: use_source(NpzFile(path))),
    "bin": Format(
        lambda _: bin_bytes(tensors(), "type: transformer\n", {"encoder_l1_self_Wq": 3.5, "Wemb": 2.0}),
        odd_bin,
        lambda path: use_source(MarianBin(path)),
    ),
    "lex": Format(
        lambda _: lexical_bytes([[1, 2, 11], [3], [4, 5]], 2),
        odd_lexical,
        lambda path: use_lexical(LexicalShortlist.read(path)),
    ),
    "model.yml": Format(
        lambda _: SETTINGS_TEXT.encode(), lambda rng: odd_yaml(SETTINGS_TEXT, rng), use_settings
    ),
    "decoder.yml": Format(
        lambda _: DECODER_TEXT.encode(), lambda rng: odd_yaml(DECODER_TEXT, rng), use_decoder
    ),
}

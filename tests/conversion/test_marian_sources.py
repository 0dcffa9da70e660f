"""Marian's files: .npz, .bin and lexical shortlists; damaged and hostile ones are refused."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from benchmarks.fuzz_conversion import run
from benchmarks.fuzz_marian_files import FORMATS
from benchmarks.marian_files import SETTINGS, bin_bytes, integers_of, layout, lexical_bytes

from octavo.artifact.shortlist import Shortlist
from octavo.conversion import ConversionError
from octavo.conversion.families import marian
from octavo.conversion.marian.shortlist import LexicalShortlist
from octavo.conversion.tensor_sources.marian_bin import MarianBin
from octavo.conversion.tensor_sources.npz_file import NpzFile
from octavo.model.config import Activation

from . import marian_npz

TEXT = np.frombuffer(b"type: transformer\n\0\0\0", np.int8)
RANDOM = np.random.default_rng(3)
TENSORS = {
    "Wemb": RANDOM.normal(size=(7, 4)).astype(np.float32),
    "encoder_l1_ffn_W1": RANDOM.normal(size=(4, 6)).astype(np.float32),
    "encoder_l1_ffn_b1": RANDOM.normal(size=(1, 6)).astype(np.float32),
    "half": np.array([1.5, -2], np.float16),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: object) -> None:
    path = tmp_path / "model.npz"
    turned = np.asfortranarray(TENSORS["Wemb"])
    save(path, **TENSORS, turned=turned, double=np.array([[1 / 3]]), **{SETTINGS: TEXT})  # type: ignore[operator]
    source = NpzFile(path)
    assert set(source.names()) == {*TENSORS, "turned", "double", SETTINGS}
    for name, array in TENSORS.items():
        assert source.shape(name) == array.shape
        np.testing.assert_array_equal(source.read(name), array, strict=True)
    np.testing.assert_array_equal(source.read("turned"), TENSORS["Wemb"])
    np.testing.assert_array_equal(source.read("double"), np.array([[1 / 3]], np.float32), strict=True)
    assert source.read_bytes(SETTINGS) == TEXT.tobytes()
    with pytest.raises(ConversionError, match=r"special:model\.yml is '.i1'; weights are float32"):
        source.read(SETTINGS)
    with pytest.raises(ConversionError, match="Wemb is '<f4', not single bytes"):
        source.read_bytes("Wemb")


def test_npz_with_objects_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, a=np.array([{}], object))
    with pytest.raises(ConversionError, match="not an array"):
        NpzFile(path)


def write_member(path: Path, shape: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}".encode()
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + content)


@pytest.mark.parametrize("shape", ["999999999999, 999999999999", "2,", "-1,", "9" * 400 + ",", "3, 0", "x"])
def test_npz_of_an_absurd_shape(tmp_path: Path, shape: str) -> None:
    write_member(tmp_path / "a.npz", shape, bytes(12))
    with pytest.raises(ConversionError, match="cannot read tensors"):
        NpzFile(tmp_path / "a.npz")


def test_npz_that_is_a_bomb(tmp_path: Path) -> None:
    write_member(tmp_path / "a.npz", "4500000,", bytes(18_000_000), zipfile.ZIP_DEFLATED)
    with pytest.raises(ConversionError, match=r"unpack to 180000\d\d or more; weights do not shrink so much"):
        NpzFile(tmp_path / "a.npz")


ALPHAS = {"Wemb": 3.0, "encoder_l1_ffn_W1": 5.5}


def test_bin_of_floats_and_integers(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    floats = {name: array.astype(np.float32) for name, array in TENSORS.items()}
    path.write_bytes(bin_bytes(floats, "type: transformer\n"))
    source = MarianBin(path)
    for name, array in floats.items():
        np.testing.assert_array_equal(source.read(name), array, strict=True)
        assert source.read_integers(name) is None
    assert source.read_bytes(SETTINGS) == TEXT.tobytes()
    path.write_bytes(bin_bytes(floats, "", ALPHAS))
    source = MarianBin(path)
    assert source.read("Wemb_QuantMultA").tolist() == [3.0]
    for name in ALPHAS:
        values, multiplier = integers_of(floats[name])
        found = source.read_integers(name)
        assert found
        assert found.multiplier == multiplier
        np.testing.assert_array_equal(found.values, values, strict=True)
        assert np.abs(source.read(name) - floats[name]).max() <= 0.51 / multiplier
        assert source.shape(name) == floats[name].shape


@pytest.mark.parametrize(("kind", "item"), [(0x0402, "<f2"), (0x0408, "<f8"), (0x4102, "<i2")])
def test_other_types_of_a_bin(tmp_path: Path, kind: int, item: str) -> None:
    path = tmp_path / "model.bin"
    values = np.arange(6).reshape(2, 3).astype(item)
    stored, multiplier = (values.T, np.float32(2).tobytes()) if kind == 0x4102 else (values, b"")
    path.write_bytes(layout([("a_W", kind, (2, 3), stored.tobytes() + multiplier)]))
    expected = values / 2 if kind == 0x4102 else values
    np.testing.assert_array_equal(MarianBin(path).read("a_W"), expected)


@pytest.mark.parametrize("kind", [0x1801, 0x2801, 0x5101])
def test_types_for_one_kind_of_cpu(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(layout([("a_W", kind, (2, 3), bytes(64))]))
    with pytest.raises(
        ConversionError, match=f"a_W has the type {kind:#x}.*for one kind of CPU; convert the .npz"
    ):
        MarianBin(path).read("a_W")


@pytest.mark.parametrize("multiplier", [0.0, -1.0, np.nan, np.inf, 1e-40])
def test_multipliers(tmp_path: Path, multiplier: float) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(layout([("a_W", 0x4101, (2, 2), b"abcd" + np.float32(multiplier).tobytes())]))
    with pytest.raises(ConversionError, match="a_W has the multiplier"):
        MarianBin(path).read("a_W")


def test_files_that_are_packed_with_gzip(tmp_path: Path) -> None:
    path = tmp_path / "model.bin.gz"
    path.write_bytes(gzip.compress(bin_bytes(TENSORS, "", ALPHAS)))
    np.testing.assert_array_equal(MarianBin(path).read("encoder_l1_ffn_b1"), TENSORS["encoder_l1_ffn_b1"])
    path.write_bytes(gzip.compress(bytes(40_000_000)))
    with pytest.raises(ConversionError, match="weights do not shrink so much"):
        MarianBin(path)
    path.write_bytes(b"\x1f\x8bx")
    with pytest.raises(ConversionError, match=r"model\.bin\.gz: cannot read .*; copy the file again"):
        MarianBin(path)


LISTS = [[1, 2, 9], [3], [], [4, 5, 9], [2, 8]]


def shortlist(tmp_path: Path, *, shared: bool = True, size: int = 6) -> Shortlist:
    path = tmp_path / "lex.s2t.bin"
    path.write_bytes(lexical_bytes(LISTS, 2))
    return LexicalShortlist.read(path).for_model(size, 10, eos=0, shared=shared, never=[1, 5])


def test_lists_of_each_token(tmp_path: Path) -> None:
    found = shortlist(tmp_path)
    assert found.common.tolist() == [0, 1, 2, 9]  # the first two, and EOS's list
    assert [found.of(token).tolist() for token in range(6)] == [[], [3], [], [3, 4], [4, 8], []]
    found = shortlist(tmp_path, shared=False)
    assert [found.of(token).tolist() for token in range(6)] == [[], [3], [], [4], [8], []]


def test_candidates_of_a_sentence_are_those_of_marian(tmp_path: Path) -> None:
    found = shortlist(tmp_path)
    for source in ([1, 2], [3, 3, 4], []):
        wanted = {0, 1, *source, *(token for each in [*source, 0] for token in LISTS[each])}
        mine = {*found.common.tolist(), *found.own(source).tolist()}
        assert mine - {1, 5} == wanted - {1, 5}


def test_a_shortlist_of_another_model(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="another model's"):
        shortlist(tmp_path, size=4)


def test_a_shortlist_with_another_checksum(tmp_path: Path) -> None:
    data = bytearray(lexical_bytes(LISTS, 2))
    data[-9] ^= 1
    path = tmp_path / "lex.s2t.bin"
    path.write_bytes(data)
    with pytest.raises(ConversionError, match="its checksum is another; copy it again"):
        LexicalShortlist.read(path)


def test_a_packed_shortlist(tmp_path: Path) -> None:
    path = tmp_path / "lex.s2t.bin.gz"
    stream = io.BytesIO(gzip.compress(lexical_bytes(LISTS, 2)))
    path.write_bytes(stream.getvalue())
    assert LexicalShortlist.read(path).first == 2


@pytest.mark.parametrize("kind", list(FORMATS))
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    outcomes = run(kind, 100, 1, tmp_path)
    assert not outcomes.failures
    assert outcomes.refused > 30


def test_activation_of_the_version(tmp_path: Path) -> None:
    marian_npz.write_model(tmp_path, {"transformer-ffn-activation": "gelu"})
    assert marian.read(tmp_path).config.activation is Activation.GELU

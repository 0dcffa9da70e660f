"""Weights in a model.bin of CTranslate2: every version and type; damaged files are refused."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, export_ctranslate2
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.model.scheme import Scheme

from ..models import tiny_config, write_tiny_model
from .ctranslate2_files import Bfloat16, model_bytes, name_bytes, variable_bytes

ROWS = np.linspace(-2, 3, 6, dtype=np.float32).reshape(2, 3)
HEAD = struct.pack("<I", 6) + name_bytes("TransformerSpec") + struct.pack("<I", 7)


def opened(path: Path, data: bytes) -> CTranslate2File:
    (path / "model.bin").write_bytes(data)
    return CTranslate2File(path / "model.bin")


@pytest.mark.parametrize("version", range(1, 7))
def test_every_version(tmp_path: Path, version: int) -> None:
    variables = {"a": ROWS, "b/weight": np.array([[3, -127]], np.int8), "b/weight_scale": np.float32([2])}
    file = opened(tmp_path, model_bytes(variables, {"c/weight": "b/weight"}, version=version, revision=4))
    assert (file.version, file.revision) == (version, 4 if version > 1 else 1)
    assert file.specification == ("TransformerSpec" if version > 1 else "")
    aliases = {"c/weight", "c/weight_scale"} if version > 2 else set()
    assert set(file.names()) == set(variables) | aliases
    np.testing.assert_array_equal(file.read("a"), ROWS)
    for name in ("b/weight", *(aliases - {"c/weight_scale"})):
        assert file.stored_name(name) == "b/weight"
        assert file.shape(name) == (1, 2)
        np.testing.assert_array_equal(file.read(name), [[1.5, -63.5]])


def test_every_type(tmp_path: Path) -> None:
    cut = Bfloat16(ROWS)
    variables = {
        "f": ROWS,
        "h": ROWS.astype(np.float16),
        "b": cut,
        "scalar": np.float32(0.25),
        "heads": np.int16(8),
        "flag": np.int8(1),
        "distance": np.int32(128),
        "q/weight": np.array([[127, -1], [0, 4]], np.int8),
        "q/weight_scale": np.float32([2, 4]),
        "s/weight": np.array([[512, -1]], np.int16),
        "s/weight_scale": np.float32(256),
        "old/weight": np.array([[500]], np.int16),
        "unk_token": np.frombuffer(b"<unk>", np.int8),
    }
    file = opened(tmp_path, model_bytes(variables))
    assert file.read("h").dtype == np.float16
    for name, expected in {"f": ROWS, "h": variables["h"], "b": cut.widened}.items():
        np.testing.assert_array_equal(file.read(name), expected)
    np.testing.assert_array_equal(file.read("q/weight"), [[63.5, -0.5], [0, 1]])
    np.testing.assert_array_equal(file.read("s/weight"), np.float32([[2, -1 / 256]]))
    np.testing.assert_array_equal(file.read("old/weight"), [[0.5]])  # one scale for all, not stored
    numbers, steps = file.read_int8("q/weight")
    np.testing.assert_array_equal(numbers, variables["q/weight"])
    np.testing.assert_array_equal(steps, np.float32([0.5, 0.25]))
    found = [file.number(name) for name in ("scalar", "heads", "flag", "distance")]
    assert found == [0.25, 8, 1, 128]
    assert (file.number("none", 3.0), file.text("unk_token", ""), file.text("none", "x")) == (3, "<unk>", "x")


def test_what_octavo_exports(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=tiny_config(), scheme=Scheme.INT8_DYNAMIC)
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2", dtype="int8")
    file = CTranslate2File(tmp_path / "ct2" / "model.bin")
    model = ModelDirectory.open(tmp_path / "ours")
    name = "decoder.layers.0.feed_forward.inner.weight"
    numbers, steps = file.read_int8("decoder/layer_0/ffn/linear_0/weight")
    np.testing.assert_array_equal(numbers, model.tensor(name))
    np.testing.assert_allclose(steps, model.tensor(f"{name}_scale"), rtol=2e-7)


WRONG = {
    "empty": b"",
    "version 0": struct.pack("<I", 0),
    "version 7": struct.pack("<I", 7) + HEAD[4:],
    "text": b"this is no model",
    "no zero": struct.pack("<IH", 6, 4) + b"Spec" + struct.pack("<I", 7),
    "no length": struct.pack("<IH", 6, 0),
    "counts": HEAD + struct.pack("<I", 0xFFFFFFFF),
    "dimensions": HEAD + struct.pack("<I", 1) + name_bytes("a") + b"\xff" + b"\xff" * 1020,
    "huge": HEAD
    + struct.pack("<I", 1)
    + name_bytes("a")
    + struct.pack("<B2IBI", 2, 1 << 16, 1 << 14, 0, 0)
    + bytes(64),
    "cut": HEAD
    + struct.pack("<I", 1)
    + name_bytes("a")
    + struct.pack("<B2IBI", 2, 1 << 14, 1 << 14, 0, 1 << 30),
    "nothing": HEAD + struct.pack("<I", 1) + name_bytes("a") + struct.pack("<B2IBI", 2, 0, 0xFFFFFFFF, 0, 0),
    "type": HEAD + struct.pack("<I", 1) + name_bytes("a") + struct.pack("<BIBI", 1, 1, 6, 4) + bytes(4),
    "item size": struct.pack("<II", 1, 1) + name_bytes("a") + struct.pack("<BIBI", 1, 1, 3, 1) + bytes(4),
    "twice": HEAD + struct.pack("<I", 2) + variable_bytes("a", ROWS) * 2 + bytes(4),
    "aliases": HEAD + struct.pack("<I", 0) + struct.pack("<I", 1 << 31),
    "no UTF-8": HEAD + struct.pack("<IH", 1, 2) + b"\xff\0" + bytes(64),
}


@pytest.mark.parametrize("kind", WRONG)
def test_damaged_files_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConversionError, match=r"model\.bin: cannot read tensors \(.+\); copy") as caught:
        opened(tmp_path, WRONG[kind])
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "none", "."):
        with pytest.raises(ConversionError, match="cannot read tensors"):
            CTranslate2File(tmp_path / name)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"w": np.array([[1]], np.int8)}, "w_scale is missing"),
        ({"w": np.array([[1]], np.int8), "w_scale": np.float32([1, 1])}, "has 2 numbers for 1 rows"),
        ({"w": np.array([[1]], np.int8), "w_scale": np.float32([0])}, "no scale"),
        ({"w": np.array([[1]], np.int8), "w_scale": np.float32([np.nan])}, "no scale"),
        ({"w": np.array([[1]], np.int8), "w_scale": np.int32([1])}, "w_scale is int32"),
        ({"w": np.int32([1])}, "w is int32"),
    ],
)
def test_numbers_without_meaning_are_refused(
    tmp_path: Path, variables: dict[str, np.ndarray], message: str
) -> None:
    file = opened(tmp_path, model_bytes(variables))
    with pytest.raises(ConversionError, match=message):
        file.read("w")


def test_a_number_is_one_finite_number(tmp_path: Path) -> None:
    file = opened(tmp_path, model_bytes({"two": np.float32([1, 2]), "nan": np.float32(np.nan)}))
    for name, message in (("two", "not one number"), ("nan", "no finite number"), ("none", "missing")):
        with pytest.raises(ConversionError, match=message):
            file.number(name)
    with pytest.raises(ConversionError, match="two is float32"):
        file.read_int8("two")


def test_flipped_bytes_are_read_or_refused(tmp_path: Path) -> None:
    variables = {"a": ROWS, "q": np.ones((2, 2), np.int8), "q_scale": np.float32([1, 2]), "n": np.int16(3)}
    data = model_bytes(variables, {"c": "q"})
    refused = 0
    for seed in range(300):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            file = opened(tmp_path, damaged[: rng.choice((len(data), rng.randrange(len(data))))])
            for name in file.names():
                file.read(name)
        except ConversionError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100

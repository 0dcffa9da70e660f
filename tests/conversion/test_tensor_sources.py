"""Weights from every kind of file, in one part or several; damaged and hostile ones are refused."""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert
from octavo.conversion.tensor_source import TensorSource
from octavo.conversion.tensor_sources import open_weights

from .marian import marian_config, write_marian

BIN = "pytorch_model.bin"
TENSORS = {
    "a": np.linspace(-3, 3, 6, dtype=np.float32).reshape(2, 3),
    "b.c": np.array([1.5, -2.0, 65504.0], np.float16),
    "scalar": np.array(7, np.float32),
    "none": np.empty((0, 4), np.float32),
}


def check(source: TensorSource, expected: dict[str, np.ndarray] = TENSORS) -> None:
    assert set(source.names()) == set(expected)
    for name, array in expected.items():
        assert source.shape(name) == array.shape
        np.testing.assert_array_equal(source.read(name), array)
        assert source.read(name).dtype == array.dtype


def torch_save(path: Path, tensors: Any, **options: Any) -> None:
    torch = pytest.importorskip("torch")
    if isinstance(tensors, dict):
        tensors = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in tensors.items()}
    torch.save(tensors, path, **options)


def test_safetensors(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    check(open_weights(tmp_path))


@pytest.mark.parametrize("zipped", [True, False])
def test_what_pytorch_saves(tmp_path: Path, zipped: bool) -> None:
    torch_save(tmp_path / BIN, TENSORS, _use_new_zipfile_serialization=zipped)
    check(open_weights(tmp_path))


@pytest.mark.parametrize("zipped", [True, False])
def test_views_parameters_and_shared_storages(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    tensors = collections.OrderedDict(
        whole=whole, turned=whole.T, row=whole[1], part=whole[1:, 1:3], weight=torch.nn.Parameter(whole + 1)
    )
    torch.save(tensors, tmp_path / BIN, _use_new_zipfile_serialization=zipped)
    check(open_weights(tmp_path), {name: tensor.detach().numpy() for name, tensor in tensors.items()})


def test_bfloat16_is_widened_and_float64_rounded(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch_file

    halves = torch.tensor([[1.0, -0.3333], [3e38, 1e-40]]).bfloat16()
    doubles = torch.tensor([1 / 3, 2.0], dtype=torch.float64)
    expected = {"h": halves.float().numpy(), "d": doubles.float().numpy()}
    save_torch_file({"h": halves, "d": doubles}, tmp_path / "model.safetensors")
    check(open_weights(tmp_path), expected)
    (tmp_path / "model.safetensors").unlink()
    for zipped in (True, False):
        torch.save({"h": halves, "d": doubles}, tmp_path / BIN, _use_new_zipfile_serialization=zipped)
        check(open_weights(tmp_path), expected)


def write_shards(directory: Path, name: str, write: Callable[[dict[str, np.ndarray], Path], None]) -> Path:
    stem, ending = name.rsplit(".", 1)
    files = [f"{stem}-{part}-of-00002.{ending}" for part in ("00001", "00002")]
    places = {key: files[i % 2] for i, key in enumerate(TENSORS)}
    for file in files:
        write({key: TENSORS[key] for key, place in places.items() if place == file}, directory / file)
    index = directory / f"{name}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 42}, "weight_map": places}))
    return index


@pytest.mark.parametrize("name", ["model.safetensors", BIN])
def test_several_files(tmp_path: Path, name: str) -> None:
    index = write_shards(
        tmp_path, name, save_file if name != BIN else lambda tensors, path: torch_save(path, tensors)
    )
    check(open_weights(tmp_path))
    places = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": places | {"more": places["a"]}}))
    with pytest.raises(ConversionError, match=r"00002\.\w+: has no tensor more, which .*index\.json"):
        open_weights(tmp_path).read("more")
    (tmp_path / places["a"]).unlink()
    with pytest.raises(ConversionError, match=r"00001-of-00002.*missing"):
        open_weights(tmp_path)


@pytest.mark.parametrize("place", ["../a", "/etc/passwd", "", "..", ".", "x/y", 7, None])
def test_an_index_names_files_beside_it(tmp_path: Path, place: object) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": place}}))
    with pytest.raises(ConversionError, match="no name of a file beside it"):
        open_weights(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"weight_map": {}}', '{"weight_map": 7}', "[]", "x"])
def test_an_index_without_places_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{BIN}.index.json").write_text(content)
    with pytest.raises(ConversionError, match=r"index\.json"):
        open_weights(tmp_path)


def test_a_directory_without_weights_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"model\.safetensors: missing, and pytorch_model\.bin too"):
        open_weights(tmp_path)
    (tmp_path / "tf_model.h5").touch()
    with pytest.raises(ConversionError, match=r"tf_model\.h5: .* save it, which writes model\.safetensors"):
        open_weights(tmp_path)


def test_a_model_is_the_same_from_every_file(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    theirs = write_marian(tmp_path / "theirs", marian_config()).path
    convert(theirs, tmp_path / "first")
    tensors = {k: torch.from_numpy(v) for k, v in load_file(theirs / "model.safetensors").items()}
    (theirs / "model.safetensors").unlink()
    torch.save(tensors, theirs / BIN)
    convert(theirs, tmp_path / "second")
    first, second = (tmp_path / name / "model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert list(ModelDirectory.open(tmp_path / "second").tensors())


class Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def zipped(pickled: bytes, **storages: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
    return out.getvalue()


LEGACY = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
HOSTILE = {
    "code": pickle.dumps({"a": Runs()}),
    "eval": b"cbuiltins\neval\n(S'1+1'\ntR.",
    "memo": b"\x80\x02}r" + struct.pack("<I", 1 << 30) + b".",
    "getattr": pickle.dumps({"a": getattr}),
    "list": pickle.dumps([1, 2]),
    "number": pickle.dumps({"a": 7}),
    "key": pickle.dumps({7: 7}),
    "cut": b"\x80\x02}",
    "nothing": b"",
    "deep": b"(" * 100_000 + b"t" * 100_000 + b".",
    "deep key": b"\x80\x02})" + b"\x85" * 100_000 + b"K\x01s.",
    "key that doubles": b"\x80\x02})" + b"2\x86" * 60 + b"K\x01s.",
    "element that doubles": b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",
    "deep key of an OrderedDict": b"\x80\x02ccollections\nOrderedDict\n](]()"
    + b"\x85" * 100_000
    + b"aK\x01ae\x85R.",
    "state of a class": b"\x80\x02}X\x01\x00\x00\x00acargparse\nNamespace\nN}"
    b"X\x08\x00\x00\x00__init__K\x01s\x86bs.",
    "state of a function": b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n}"
    b"X\x01\x00\x00\x00bK\x01sbs.",
    "offset that doubles": b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n("
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x01tQ]" + b"2\x86" * 60 + b"))tRs.",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("wrapped", [zipped, lambda data: LEGACY + data, bytes], ids=["zip", "old", "bare"])
def test_a_hostile_pickle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, wrapped: Callable[[bytes], bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / BIN).write_bytes(wrapped(HOSTILE[kind]))
    with pytest.raises(ConversionError, match=r"pytorch_model\.bin: cannot read tensors") as caught:
        open_weights(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert argparse.Namespace(a=1).a == 1  # nothing of this process was changed


def tensor_pickle(offset: int, shape: tuple[int, ...], stride: tuple[int, ...], size: int) -> bytes:
    """What torch.save pickles for one tensor "a" with a storage of so many floats under the key "0"."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def row(*parts: bytes) -> bytes:
        return b"(" + b"".join(parts) + b"t"

    def counts(values: tuple[int, ...]) -> bytes:
        return row(*(b"I%d\n" % value for value in values))

    kind = b"ctorch\nFloatStorage\n"
    storage = row(text("storage"), kind, text("0"), text("cpu"), b"I%d\n" % size) + b"Q"
    arguments = row(storage, b"I%d\n" % offset, counts(shape), counts(stride), b"\x89", b"}")
    return b"\x80\x02}" + text("a") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_a_tensor_may_be_a_part_of_its_storage(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=np.float32)
    (tmp_path / BIN).write_bytes(zipped(tensor_pickle(1, (2, 2), (2, 1), 6), **{"0": numbers.tobytes()}))
    np.testing.assert_array_equal(open_weights(tmp_path).read("a"), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("offset", "shape", "stride", "size"),
    [
        (0, (7,), (1,), 6),
        (3, (2, 2), (2, 1), 6),
        (0, (2, 2), (1 << 40, 1), 6),
        (-1, (2,), (1,), 6),
        (0, (2,), (-1,), 6),
        (0, (1 << 40,), (0,), 6),
        (0, (2, 2), (1,), 6),
        (6, (1,), (1,), 6),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], size: int
) -> None:
    data = np.arange(6, dtype=np.float32).tobytes()
    (tmp_path / BIN).write_bytes(zipped(tensor_pickle(offset, shape, stride, size), **{"0": data}))
    with pytest.raises(ConversionError, match="cannot read tensors"):
        open_weights(tmp_path)


def test_a_storage_that_is_cut_short_or_compressed_is_refused(tmp_path: Path) -> None:
    pickled = tensor_pickle(0, (1 << 20,), (1,), 1 << 20)
    (tmp_path / BIN).write_bytes(zipped(pickled, **{"0": b"1234"}))
    with pytest.raises(ConversionError, match="is not 4194304 bytes"):
        open_weights(tmp_path).read("a")
    for compressed, message in (("x/data/0", "is not 4194304 bytes"), ("x/data.pkl", "is compressed")):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in (("x/data.pkl", pickled), ("x/data/0", bytes(4 << 20))):
                kind = zipfile.ZIP_DEFLATED if name == compressed else zipfile.ZIP_STORED
                archive.writestr(name, data, kind)
        (tmp_path / BIN).write_bytes(out.getvalue())
        with pytest.raises(ConversionError, match=message):
            open_weights(tmp_path).read("a")


def test_a_member_smaller_than_the_archive_says_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(tensor_pickle(0, (64,), (1,), 64), **{"0": b"1234"}))
    entry = data.rindex(b"data/0") - len("archive/") - 46  # in the directory at the end
    assert data[entry : entry + 4] == b"PK\1\2"
    data[entry + 24 : entry + 28] = (256).to_bytes(4, "little")
    (tmp_path / BIN).write_bytes(data)
    with pytest.raises(ConversionError, match="cannot read tensors"):
        open_weights(tmp_path).read("a")


@pytest.mark.parametrize("damage", ["sparse", "int64", "meta", "pipe"])
def test_tensors_that_are_no_weights_are_refused(tmp_path: Path, damage: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, 2)
    path = tmp_path / BIN
    if damage == "pipe":
        os.mkfifo(path)
    elif damage == "meta":
        torch_save(path, {"a": torch.empty(2, device="meta")})
    else:
        torch_save(path, {"a": tensor.to_sparse() if damage == "sparse" else tensor.long()})
    with pytest.raises(ConversionError, match=r"pytorch_model\.bin"):
        open_weights(tmp_path).read("a")


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    name = "model.safetensors" if kind == "safetensors" else BIN
    path = tmp_path / name
    if kind == "safetensors":
        save_file(TENSORS, path)
    else:
        torch_save(path, TENSORS, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    refused = 0
    for seed in range(300):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged[: rng.choice((len(data), rng.randrange(len(data))))])
        try:
            source = open_weights(tmp_path)
            for tensor in source.names():
                source.read(tensor)
        except ConversionError as error:
            assert f"{name}: " in str(error)
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100

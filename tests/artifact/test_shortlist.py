"""The shortlist of a model directory: what was written comes back, and every fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory, write_with_shortlist
from octavo.artifact.checksum import FileEntry
from octavo.artifact.shortlist import full_shortlist
from octavo.errors import ModelError, OutputError
from octavo.model.scheme import Scheme
from octavo.quantization.model import quantize_model

from ..models import tiny_config, write_tiny_model
from ..shortlists import random_shortlist


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model with a shortlist."""
    shortlist = random_shortlist(tiny_config(), 20, 5)
    return write_tiny_model(tmp_path / "model", shortlist=shortlist)


def seal(path: Path, name: str = "shortlist.safetensors") -> None:
    """Record the file as it is now."""
    values = json.loads((path / "config.json").read_text(encoding="utf-8"))
    values["shortlist"] = FileEntry.of(path / name).to_dict()
    (path / "config.json").write_text(json.dumps(values), encoding="utf-8")


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        ModelDirectory.open(path)
    return str(refused.value)


def test_what_was_written_comes_back(path: Path) -> None:
    expected = random_shortlist(tiny_config(), 20, 5)
    model = ModelDirectory.open(path)
    found = model.shortlist()
    assert found is not None
    assert model.shortlist_path == path / "shortlist.safetensors"
    for name in ("common", "offsets", "tokens"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    source = [5, 9, 5, 40]
    own = sorted({*found.of(5).tolist(), *found.of(9).tolist(), *found.of(40).tolist()})
    assert found.own(source).tolist() == own
    assert found.own([]).tolist() == []


def test_a_model_without_one(tmp_path: Path) -> None:
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model"))
    assert model.shortlist() is None
    assert model.shortlist_path is None


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_model_gets_one_and_keeps_its_files(tmp_path: Path, scheme: Scheme) -> None:
    source = ModelDirectory.open(write_tiny_model(tmp_path / "model", scheme=scheme, quality={"dev": 1}))
    write_with_shortlist(tmp_path / "out", source, full_shortlist(source.config), quality=source.quality)
    found = ModelDirectory.open(tmp_path / "out")
    assert found.shortlist() is not None
    assert (found.plan, found.scheme, found.quality) == (source.plan, scheme, {"dev": 1})
    for name in ("model.safetensors", "tokenizer.spm"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_with_shortlist(tmp_path / "out", source, full_shortlist(source.config), quality={})
    write_with_shortlist(tmp_path / "out", source, full_shortlist(source.config), quality={}, overwrite=True)


def test_a_quantized_model_keeps_it(path: Path, tmp_path: Path) -> None:
    quantize_model(path, tmp_path / "int8")
    found = (tmp_path / "int8" / "shortlist.safetensors").read_bytes()
    assert found == (path / "shortlist.safetensors").read_bytes()


def test_one_of_another_model_is_not_written(tmp_path: Path) -> None:
    shortlist = full_shortlist(tiny_config(source_vocab_size=97, target_vocab_size=97))
    with pytest.raises(ModelError, match="shortlist: offsets has 98 entries"):
        write_tiny_model(tmp_path / "model", shortlist=shortlist)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lists: lists.pop("tokens"), "must hold common, offsets, tokens"),
        (lambda lists: lists.update(extra=np.zeros(1, np.int32)), "must hold common, offsets, tokens"),
        (
            lambda lists: lists.update(common=lists["common"].astype(np.int64)),
            "common is I64 [21], not a list",
        ),
        (lambda lists: lists.update(common=lists["common"].astype(np.float32)), "common is F32 [21]"),
        (lambda lists: lists.update(common=lists["common"][None]), "common is I32 [1, 21]"),
        (lambda lists: lists.update(common=np.delete(lists["common"], 0)), "common lacks EOS"),
        (lambda lists: lists.update(common=lists["common"][::-1].copy()), "common is not ascending"),
        (lambda lists: lists["common"].__setitem__(20, 96), "common holds 96, outside the target vocabulary"),
        (lambda lists: lists["offsets"].__setitem__(0, 1), "offsets does not cut"),
        (lambda lists: lists["offsets"].__setitem__(4, 2**31 - 1), "offsets does not cut"),
        (lambda lists: lists["offsets"].__setitem__(4, -(2**31)), "offsets does not cut"),
        (lambda lists: lists.update(offsets=lists["offsets"][:-1].copy()), "offsets has 96 entries"),
        (lambda lists: lists.update(offsets=np.empty(0, np.int32)), "offsets has 0 entries"),
        (lambda lists: lists["tokens"].__setitem__(0, -1), "tokens holds -1"),
        (lambda lists: lists["tokens"].__setitem__(0, 3), "repeats a common token"),
        (lambda lists: lists["tokens"].__setitem__(0, 2), "holds a token that is never produced"),
        (lambda lists: lists.update(tokens=lists["tokens"][:-1].copy()), "offsets does not cut"),
    ],
)
def test_lists_with_a_fault(
    path: Path, edit: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    file = path / "shortlist.safetensors"
    lists = load_file(file)
    edit(lists)
    save_file(lists, file)
    assert "the checksum differs" in refusal(path) or "bytes where config.json says" in refusal(path)
    seal(path)
    found = refusal(path)
    assert found.startswith(f"{file}: ")
    assert message in found


def test_a_file_that_is_no_shortlist(path: Path) -> None:
    (path / "shortlist.safetensors").write_bytes(b"nothing")
    seal(path)
    assert "cannot read the shortlist" in refusal(path)
    (path / "shortlist.safetensors").unlink()
    assert "shortlist.safetensors: missing" in refusal(path)


def test_a_shortlist_that_is_another_part(path: Path) -> None:
    seal(path, "model.safetensors")
    assert "shortlist: model.safetensors is another part of the model too" in refusal(path)

"""Families are found by themselves, and no model is of two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from octavo.conversion import ConversionError, convert
from octavo.conversion import families as package
from octavo.conversion.families import families, names
from octavo.conversion.mapping import MappedTensors, computed, same, zeros
from octavo.conversion.tensor_sources import open_weights
from octavo.model.sublayers import TensorKind
from octavo.model.tensor_table import DType, TensorSpec

from .marian import marian_config, write_marian

FOLDER = Path(package.__path__[0])


def test_every_file_is_a_family_with_a_name_of_its_own() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert len(families()) == len(files) == len(set(names()))
    assert all(name.isprintable() and len(name) <= 90 for name in names())


def test_a_model_is_of_one_family(tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", marian_config()).path
    assert len([family for family in families() if family.detect(theirs)]) == 1
    (tmp_path / "empty").mkdir()
    for path in (tmp_path, tmp_path / "empty", theirs / "config.json", tmp_path / "nowhere"):
        assert not any(family.detect(path) for family in families())


def test_what_no_family_reads_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConversionError, match=r"notes\.txt: is a file of no kind .* --help"):
        convert(tmp_path / "notes.txt", tmp_path / "ours")
    with pytest.raises(ConversionError, match=r"config\.json: missing.* There is notes\.txt in .* --help"):
        convert(tmp_path, tmp_path / "ours")


TENSORS = {
    "both": np.arange(24, dtype=np.float32).reshape(6, 4),
    "bias": np.ones((1, 6), np.float32),
}
SPECS = [
    TensorSpec("first", TensorKind.WEIGHT, (4, 2), (DType.F32,)),
    TensorSpec("second", TensorKind.WEIGHT, (4, 4), (DType.F32,)),
    TensorSpec("bias", TensorKind.BIAS, (6,), (DType.F32,)),
    TensorSpec("none", TensorKind.BIAS, (3,), (DType.F32,)),
    TensorSpec("sum", TensorKind.BIAS, (4,), (DType.F32,)),
]
ORIGINS = {
    "first": same("both").rows(0, 2).transposed().scaled(2),
    "second": same("both").rows(2, 6),
    "bias": same("bias").flat(),
    "none": zeros(3),
    "sum": computed(lambda: TENSORS["both"].sum(axis=0), "both"),
}


def test_tensors_are_made_of_others(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    made = MappedTensors(open_weights(tmp_path), SPECS, ORIGINS.__getitem__)
    assert set(made) == set(ORIGINS)
    np.testing.assert_array_equal(made["first"], 2 * TENSORS["both"][:2].T)
    np.testing.assert_array_equal(made["second"], TENSORS["both"][2:])
    np.testing.assert_array_equal(made["bias"], np.ones(6))
    np.testing.assert_array_equal(made["none"], np.zeros(3))
    np.testing.assert_array_equal(made["sum"], TENSORS["both"].sum(axis=0))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    source = open_weights(tmp_path)
    for change, message in (
        ({"none": same("absent")}, "tensor absent is missing; model.yml implies it"),
        ({"second": same("both").rows(3, 9)}, r"tensor both has shape \[3, 4\]; model.yml implies \[4, 4\]"),
        ({"bias": zeros(6)}, r"tensor bias is unexpected \(1 in all\)"),
    ):
        with pytest.raises(ConversionError, match=message):
            MappedTensors(source, SPECS, (ORIGINS | change).__getitem__, implied_by="model.yml")
    MappedTensors(source, SPECS, (ORIGINS | {"bias": zeros(6)}).__getitem__, unread=["bias", "absent"])

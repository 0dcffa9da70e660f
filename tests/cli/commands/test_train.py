"""``octavo train``: what it says where it cannot train, and that its options reach a run."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from octavo.artifact import ModelDirectory
from octavo.model.scheme import Scheme

from ...models import NEEDS_TORCH
from ...training.conftest import write_recipe
from ..conftest import COMMAND, ENVIRONMENT, Octavo
from ..test_bad_input import message


@pytest.mark.parametrize("missing", [["torch"], ["tensorboard"], ["torch", "tensorboard"]])
def test_missing_libraries_are_named_with_what_installs_them(
    octavo_here: Octavo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    (tmp_path / "recipe.toml").touch()
    for module in ("torch", "tensorboard"):
        monkeypatch.setitem(sys.modules, module, None if module in missing else there(module))
    done = octavo_here("train", "recipe.toml")
    names = " and ".join({"torch": "PyTorch", "tensorboard": "TensorBoard"}[module] for module in missing)
    expected = f"octavo: training needs {names}, not installed here: pip install 'octavo[train]'\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", expected)


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").touch()
    for module in ("torch", "tensorboard"):
        (tmp_path / f"{module}.py").write_text(
            'raise ImportError("libgomp.so.1: no such file", name="torch")'
        )
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    command = [*COMMAND, "train", str(tmp_path / "recipe.toml")]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 2
    assert b"training cannot load PyTorch or TensorBoard (libgomp.so.1: no such file)" in done.stderr


def there(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    return module


def test_a_recipe_that_is_not_there_is_told_first(
    octavo_here: Octavo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "octavo: nothere.toml: no such recipe" in message(octavo_here("train", "nothere.toml"))


def test_help_teaches_fine_tuning(octavo_here: Octavo) -> None:
    shown = " ".join(octavo_here("train", "--help").stdout.decode().replace("\u2502", " ").split())
    assert "Training starts from the weights and the vocabulary of this model directory" in shown
    assert "The products are rounded to int8 in training" in shown
    assert "needs --init" in shown


@NEEDS_TORCH
def test_quantized_fine_tuning(octavo_here: Octavo, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    recipe.write_text(recipe.read_text().replace("max_updates = 40", "max_updates = 2"))
    assert octavo_here("train", recipe, "--output", "first").returncode == 0
    done = octavo_here("train", recipe, "--output", "second", "--init", "first/model", "--quantize")
    assert done.returncode == 0
    assert b"starting from first/model: dev loss" in done.stderr
    assert (tmp_path / "second/plan.json").is_file()
    assert ModelDirectory.open(tmp_path / "second/model").scheme is Scheme.NONE


@NEEDS_TORCH
def test_what_quantized_fine_tuning_cannot_start_from(
    octavo_here: Octavo, tmp_path: Path, int8_model: Path, float_model: Path
) -> None:
    recipe = write_recipe(tmp_path)
    for start, words in (
        ((), "starts from a trained model; name its directory with --init"),
        (
            ("--init", int8_model),
            "int8: its weights are quantized (int8-dynamic); start from the floating-point",
        ),
        (("--init", float_model), "tokenizer.spm has 96 tokens; its vocabulary is taken"),
        (("--init", "nothing"), "nothing: no such model directory"),
    ):
        done = octavo_here("train", recipe, "--quantize", *start)
        assert (done.returncode, done.stdout) == (2, b"")
        shown = done.stderr.decode()
        assert shown.endswith("\n")
        last = shown.splitlines()[-1]
        assert last.startswith("octavo: ")
        assert words in last

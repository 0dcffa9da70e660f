"""``octavo train``: what it says where it cannot train, and that its options reach a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.spec import Scheme

from ...models import NEEDS_TORCH
from ...training.conftest import write_recipe
from ..conftest import ENVIRONMENT, Octavo

WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from octavo.cli import main
sys.argv = ["octavo", "train", "recipe.toml"]
main()
"""


@NEEDS_TORCH
@pytest.mark.parametrize("missing", ["torch", "tensorboard"])
def test_a_missing_library_is_named_with_what_installs_it(tmp_path: Path, missing: str) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT.format(missing=missing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=ENVIRONMENT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("octavo: training needs PyTorch and TensorBoard (")
    assert missing in done.stderr
    assert done.stderr.endswith("): pip install 'octavo[train]'\n")


def test_help_teaches_fine_tuning(octavo_here: Octavo) -> None:
    shown = " ".join(octavo_here("train", "--help").stdout.decode().replace("\u2502", " ").split())
    assert "start from this model directory's weights and vocabulary" in shown
    assert "Train with the products rounded to int8" in shown
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
    for start, message in (
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
        assert shown.startswith("octavo: ")
        assert message in shown
        assert shown.count("\n") == 1

"""``octavo train`` where it cannot train."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ENVIRONMENT

WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from octavo.cli import main
sys.argv = ["octavo", "train", "recipe.toml"]
main()
"""


@pytest.mark.parametrize("missing", ["torch", "tensorboard"])
def test_a_missing_library_is_named_with_what_installs_it(tmp_path: Path, missing: str) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT.format(missing=missing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=ENVIRONMENT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("octavo: training needs PyTorch and TensorBoard (")
    assert missing in done.stderr
    assert done.stderr.endswith("): pip install 'octavo[train]'\n")

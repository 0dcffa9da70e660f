"""Importing the package, or the command line's entry point, loads none of the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = "import json, sys, {module}; dir({module}); print(json.dumps(sorted(sys.modules)))"


def modules_loaded_by(module: str) -> set[str]:
    """What a fresh process has loaded once it has imported ``module``."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "octavo",
            {"numpy", "pydantic", "rich", "safetensors", "sentencepiece", "torch", "typer"}
            | {"octavo.engine", "octavo.engine._native"},
        ),
        ("octavo.model.plan", {"numpy", "octavo.artifact"}),
        ("octavo.cli", {"numpy", "sacrebleu", "sentencepiece", "torch", "octavo.engine._native"}),
        ("octavo.translation", {"pydantic", "rich", "sacrebleu", "torch", "typer"}),
    ],
)
def test_import_loads_only_what_it_needs(module: str, absent: set[str]) -> None:
    assert modules_loaded_by(module) & absent == set()

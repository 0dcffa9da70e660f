"""Importing the package, or the command line's entry point, loads none of the heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, time
start = time.perf_counter()
import {module}
print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))
"""


def import_in_fresh_process(module: str) -> tuple[float, set[str]]:
    """Seconds that the import took, and the modules loaded after it."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "octavo",
            {"numpy", "pydantic", "rich", "safetensors", "sentencepiece", "torch", "typer"}
            | {"octavo.engine", "octavo.engine._native"},
        ),
        ("octavo.spec", {"numpy", "octavo.artifact"}),
        ("octavo.cli", {"numpy", "sacrebleu", "sentencepiece", "torch", "octavo.engine._native"}),
        ("octavo.translation", {"pydantic", "rich", "sacrebleu", "torch", "typer"}),
    ],
)
def test_import_loads_only_what_it_needs(module: str, absent: set[str]) -> None:
    _, modules = import_in_fresh_process(module)
    assert modules & absent == set()


def test_import_is_quick() -> None:
    assert min(import_in_fresh_process("octavo")[0] for _ in range(3)) < 0.2

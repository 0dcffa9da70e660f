"""Every name that the benchmarks and tools import from the package exists."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").glob("*.py")])


def octavo_names(path: Path) -> set[tuple[str, str]]:
    """Module and name of every ``from octavo... import ...`` anywhere in a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {
        (node.module or "", alias.name)
        for node in found
        if (node.module or "").split(".")[0] == "octavo"
        for alias in node.names
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_names_exist(path: Path) -> None:
    for module, name in octavo_names(path):
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] == "octavo":
                raise
            pytest.skip(f"{module} needs {error.name}, which is not installed")
        if not hasattr(imported, name):
            importlib.import_module(f"{module}.{name}")

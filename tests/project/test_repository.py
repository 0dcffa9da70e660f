"""What is committed: sizes, no corpora, one version, and CI that runs what the README says."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_FILE_BYTES = 256 * 1024
MAX_MODEL_BYTES = {
    "src/octavo/models/": 20_000_000,
    "models/en-de/": 40_000_000,  # the float16 master, with tokenizer and reports
    "models/en-de-integer/": 12_000_000,
}

# Longer than the limits, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

MODEL_FOLDERS = ("models/", "src/octavo/models/")
CORPUS_SUFFIXES = {".csv", ".de", ".en", ".fr", ".gz", ".npy", ".npz", ".pt", ".ro", ".tsv", ".xz", ".zip"}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Committed files that still exist."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lies_in_model_folder(path: Path) -> bool:
    return name_of(path).startswith(MODEL_FOLDERS)


def test_files_are_small(tracked: list[Path]) -> None:
    large = {name_of(path) for path in tracked if path.stat().st_size > MAX_FILE_BYTES}
    assert {name for name in large if not name.startswith(MODEL_FOLDERS)} == set()


def test_models_keep_their_size(tracked: list[Path]) -> None:
    sizes = dict.fromkeys(MAX_MODEL_BYTES, 0)
    for path in filter(lies_in_model_folder, tracked):
        folder = next(folder for folder in sizes if name_of(path).startswith(folder))
        sizes[folder] += path.stat().st_size
    assert {folder for folder, size in sizes.items() if not 0 < size <= MAX_MODEL_BYTES[folder]} == set()


def test_no_corpus_is_committed(tracked: list[Path]) -> None:
    assert {name_of(path) for path in tracked if path.suffix in CORPUS_SUFFIXES} == set()


def test_code_files_are_short(tracked: list[Path]) -> None:
    code = [path for path in tracked if path.suffix in {".py", ".h", ".cpp"}]
    lines = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in code}
    long = {name for name, count in lines.items() if count > MAX_FILE_LINES}
    assert long == set(LONG_FILES)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines after the signature and the docstring: those of a command are its options and its help."""
    first = function.body[min(ast.get_docstring(function) is not None, len(function.body) - 1)]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def test_python_functions_are_short(tracked: list[Path]) -> None:
    lines = {
        f"{name_of(path)}:{node.name}": body_lines(node)
        for path in tracked
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name for name, count in lines.items() if count > MAX_FUNCTION_LINES} == set(LONG_FUNCTIONS)


def test_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert project["version"] in re.findall(r"^## \[?([0-9][^\]\s]*)", changelog, re.MULTILINE)
    try:
        installed = importlib.metadata.version("octavo")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("octavo is imported from the source tree, not installed")
    assert installed == project["version"]


def test_ci_runs_the_command_of_the_readme(tmp_path: Path) -> None:
    """With `bash -c` in place of the shell, CI hands over exactly the README's block."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- test command -->\n```bash\n(.+?)\n```\n", readme, re.DOTALL)
    assert len(blocks) == 1
    assert "pytest" in blocks[0]
    spy = tmp_path / "bash"
    spy.write_text('#!/bin/sh\nfor last; do :; done\nprintf "%s" "$last" > "$SPIED"\n', encoding="utf-8")
    spy.chmod(0o755)
    seen = tmp_path / "seen"
    variables = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SPIED": str(seen)}
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    subprocess.run([bash, ROOT / ".ci" / "run"], env=variables, capture_output=True, check=True)
    assert seen.read_text(encoding="utf-8") == blocks[0]

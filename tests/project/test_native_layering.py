"""Native includes point one way, and every header compiles alone."""

from __future__ import annotations

import graphlib
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
LAYERS = ("base", "kernels", "ops", "model", "decoding", "engine", "bindings")
#: Folders of kernels that are compiled for more than the baseline CPU.
ISA_FOLDERS = {path.parent.name for path in NATIVE.glob("kernels/*/table.cpp")} - {"reference"}
#: Folders of vectors that several of them share, each in a namespace of its own.
VECTOR_FOLDERS = {path.name for path in NATIVE.glob("kernels/vectors*")}
#: Two arithmetics side by side, in every layer that has them.
WINGS = ("float", "integer")
#: Headers of compilers that give access to instructions of one architecture.
INTRINSICS = re.compile(r"(\w*intrin|arm_\w+|altivec|riscv_vector|wasm_simd128)\.h")

HEADERS = sorted(NATIVE.rglob("*.h"))
SOURCES = sorted([*HEADERS, *NATIVE.rglob("*.cpp")])


def label(path: Path) -> str:
    return path.relative_to(NATIVE).as_posix()


def layer_of(path: Path) -> str:
    return path.relative_to(NATIVE).parts[0]


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)


def own_includes(path: Path) -> list[Path]:
    """Included files of the project, written from native/; the checks may name their neighbours alone."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE)
    roots = [NATIVE, path.parent] if layer_of(path) == "tests" else [NATIVE]
    found = {name: next((root / name for root in roots if (root / name).is_file()), None) for name in named}
    assert None not in found.values(), f"{label(path)}: write paths from native/"
    return [file for file in found.values() if file is not None]


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_includes_point_one_way(path: Path) -> None:
    layer = layer_of(path)
    if layer == "tests":
        allowed = {*LAYERS, "tests"} - {"bindings"}
    else:
        allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    wrong = [label(include) for include in own_includes(path) if layer_of(include) not in allowed]
    assert not wrong, f"{label(path)} may include {sorted(allowed)}"


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_kernel_folders_do_not_see_one_another(path: Path) -> None:
    folder = path.parent.name if path.parent.parent.name == "kernels" else ""
    closed = {*ISA_FOLDERS, "reference"} - {folder}
    if layer_of(path) == "tests":
        closed -= {"reference"}
    wrong = [label(include) for include in own_includes(path) if include.parent.name in closed]
    assert not wrong


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_only_isa_folders_and_checks_see_intrinsics_only_bindings_see_python(path: Path) -> None:
    for include in includes(path):
        if INTRINSICS.fullmatch(include):
            allowed = {*ISA_FOLDERS, *VECTOR_FOLDERS, "tests"}
            assert path.parent.name in allowed, f"{label(path)} includes {include}"
        if include == "Python.h" or include.startswith("nanobind/"):
            assert layer_of(path) == "bindings", f"{label(path)} includes {include}"


def compiles_here(path: Path) -> bool:
    """Whether a header is for this machine: none that binds Python, and of the tiers' only its own."""
    if path.parent.name not in ISA_FOLDERS | VECTOR_FOLDERS:
        return layer_of(path) != "bindings"
    texts = [file.read_text(encoding="utf-8") for file in path.parent.iterdir()]
    for_arm = any("arm_neon.h" in text or "vectors_neon/" in text for text in texts)
    return for_arm == (os.uname().machine == "aarch64")


@pytest.mark.parametrize("header", ["immintrin.h", "x86intrin.h", "arm_neon.h", "arm_sve.h", "arm_acle.h"])
def test_headers_of_intrinsics_are_known(header: str) -> None:
    assert INTRINSICS.fullmatch(header)


@pytest.mark.parametrize("path", [path for path in SOURCES if layer_of(path) != "tests"], ids=label)
def test_wings_do_not_see_one_another(path: Path) -> None:
    """Nor does what the wings of a layer share see them."""
    wing = path.parent.name if path.parent.name in WINGS else None
    for include in own_includes(path):
        other = include.parent.name if include.parent.name in WINGS else None
        above = wing is None and layer_of(include) != layer_of(path)
        assert other in (None, wing) or above, f"{label(path)} includes {label(include)}"


def test_no_include_goes_upward_between_folders() -> None:
    folders: dict[str, set[str]] = {}
    for path in SOURCES:
        seen = folders.setdefault(label(path.parent), set())
        seen |= {label(include.parent) for include in own_includes(path)} - {label(path.parent)}
    assert list(graphlib.TopologicalSorter(folders).static_order())  # CycleError names the folders of a cycle


def compile_options(build: Path, folder: Path) -> list[str]:
    """How CMake compiles the sources of a folder; a folder without sources, like those of base."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    by_folder = {Path(entry["file"]).parent: shlex.split(entry["command"]) for entry in commands}
    command = by_folder.get(folder, by_folder[NATIVE / "base"])
    return command[: command.index("-o")]


@pytest.mark.parametrize("path", [p for p in HEADERS if compiles_here(p)], ids=label)
def test_header_compiles_alone(path: Path, native_build: Path) -> None:
    options = [*compile_options(native_build, path.parent), "-fsyntax-only", "-x", "c++", "-"]
    unit = f'#include "{path}"\n#include "{path}"\n'
    done = subprocess.run(options, input=unit, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

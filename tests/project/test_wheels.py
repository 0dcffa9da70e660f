"""tools/wheels.py: which interpreters build a wheel, and which wheel they take."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("wheels", ROOT / "tools" / "wheels.py")
assert specification is not None and specification.loader is not None
wheels = importlib.util.module_from_spec(specification)
specification.loader.exec_module(wheels)

OLD = Path("octavo-0.1.0-cp311-cp311-manylinux_2_28_x86_64.whl")
STABLE = Path("octavo-0.1.0-cp312-abi3-manylinux_2_28_x86_64.whl")


def test_each_old_python_and_the_first_of_the_stable_abi_build() -> None:
    pythons = {"c": (3, 13), "a": (3, 11), "b": (3, 12)}
    assert wheels.builders(pythons) == ["a", "b"]
    assert wheels.builders({"a": (3, 11)}) == ["a"]


@pytest.mark.parametrize(("wheel", "fitting"), [(OLD, {(3, 11)}), (STABLE, {(3, 12), (3, 13), (3, 14)})])
def test_which_python_takes_which_wheel(wheel: Path, fitting: set[tuple[int, int]]) -> None:
    versions = [(3, minor) for minor in range(11, 15)]
    assert {version for version in versions if wheels.fits(wheel, version)} == fitting


def test_the_stable_abi_begins_where_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    major, minor = wheels.STABLE_SINCE
    assert project["tool"]["scikit-build"]["wheel"]["py-api"] == f"cp{major}{minor}"


def test_an_interpreter_that_does_not_start_is_none() -> None:
    assert wheels.version_of(sys.executable) == sys.version_info[:2]
    assert wheels.version_of("no-such-python") is None

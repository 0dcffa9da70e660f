"""Damaged models under the address and undefined-behaviour sanitizers: refused or used, no crash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.model.scheme import Scheme

from ..models import integer_config, language_config, write_tiny_model

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MUTATIONS = 1000  # of each scheme
SEARCH_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def runtime(library: str) -> str:
    """A sanitizer's shared library, as the compiler names it; it must be loaded before Python."""
    compiler = os.environ.get("CXX", "c++")
    found = subprocess.run(
        [compiler, f"-print-file-name={library}"], capture_output=True, text=True, check=True
    )
    path = found.stdout.strip()
    if not Path(path).is_absolute():
        pytest.skip(f"{compiler} has no {library}")
    return path


@pytest.fixture(scope="module")
def sanitized_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("cmake", "ninja", os.environ.get("CXX", "c++")):
        if shutil.which(tool, path=SEARCH_PATH) is None:
            pytest.skip(f"the sanitized build needs {tool}, which is not installed")
    pytest.importorskip("nanobind", reason="the sanitized build needs nanobind (octavo[test])")
    build = tmp_path_factory.mktemp("sanitized")
    options = [
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_CXX_FLAGS_DEBUG=-O1",
        "-DOCTAVO_SANITIZE=address,undefined",
        f"-DPython_EXECUTABLE={sys.executable}",
    ]
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja", *options],
        ["cmake", "--build", str(build)],
    ):
        done = subprocess.run(
            command, env={**os.environ, "PATH": SEARCH_PATH}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return next(build.rglob("_native*.so"))


@pytest.mark.parametrize("scheme", list(Scheme))
def test_damaged_models(sanitized_module: Path, tmp_path: Path, scheme: Scheme) -> None:
    run(sanitized_module, write_tiny_model(tmp_path / "model", scheme=scheme))


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INTEGER])
def test_damaged_language_models(sanitized_module: Path, tmp_path: Path, scheme: Scheme) -> None:
    integer = integer_config()
    parts = {"attention": integer.attention, "norm_function": integer.norm_function}
    config = language_config(**parts if scheme is Scheme.INTEGER else {})
    run(
        sanitized_module,
        write_tiny_model(tmp_path / "model", config=config, scheme=scheme, target_language="en"),
    )


def run(sanitized_module: Path, model: Path) -> None:
    """Damage the model in many ways, and use what opens."""
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",
    }
    script = Path(__file__).with_name("fuzz_models.py")
    done = subprocess.run(
        [sys.executable, str(script), str(sanitized_module), str(model), str(MUTATIONS), "1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    outcomes = dict(part.split("=") for part in done.stdout.split())
    assert int(outcomes["refused"]) + int(outcomes.get("used", 0)) == MUTATIONS
    assert int(outcomes["refused"]) > MUTATIONS // 4
    assert int(outcomes["used"]) > 0  # some damage leaves a model that runs

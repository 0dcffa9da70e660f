"""Fixtures that tests of several areas share."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.quantization import TensorModel

from . import float_models

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Let Ctrl-C work in tests and what they start, also where this process was started with it ignored.

    PyTorch gets one thread where several processes run the tests: teams of threads that wait for one another
    take all cores.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


NEEDED = {"reference": ("torch", "train"), "training": ("torch", "train"), "server": ("starlette", "serve")}
"""By folder of tests: what all modules in it import, and the extra that has it."""


class Unimportable(pytest.Module):
    """A test module that needs an extra that is not installed."""

    extra = ""

    def collect(self) -> Any:
        pytest.skip(f"these tests need octavo[{self.extra}]", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skip tests of the reference, of training and of the service where what they need is not installed."""
    for folder in module_path.relative_to(ROOT).parts:
        library, extra = NEEDED.get(folder, ("sys", ""))
        if importlib.util.find_spec(library) is None:
            module = Unimportable.from_parent(parent, path=module_path)
            module.extra = extra
            return module
    return None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The corpora: ``OCTAVO_TEST_DATA``, else ``../shared/data`` beside the checkout."""
    path = Path(os.environ.get("OCTAVO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no corpora at {path}; OCTAVO_TEST_DATA names another place")
    return path


@pytest.fixture(scope="session")
def native_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh CMake build of the core and native/tests; the checks lie in ``native/tests`` under it."""
    search_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for tool in ("cmake", "ninja", os.environ.get("CXX", "c++")):
        if shutil.which(tool, path=search_path) is None:
            pytest.skip(f"native checks need {tool}, which is not installed")
    build = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        build = build.parent  # of all processes that run tests: one of them builds
    build = build / "native-build"
    options = ["-DOCTAVO_BUILD_MODULE=OFF", "-DOCTAVO_BUILD_TESTS=ON"]
    configure = ["cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja", *options]
    with build.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (configure, ["cmake", "--build", str(build)]):
            environment = {**os.environ, "PATH": search_path}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return build


@pytest.fixture(params=float_models.CONFIGS, ids=str)
def float_model(request: pytest.FixtureRequest) -> TensorModel:
    """One random float model per corner of the configuration space."""
    return float_models.random_model(float_models.CONFIGS[request.param])

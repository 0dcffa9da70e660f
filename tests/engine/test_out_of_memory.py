"""Where memory is short: MemoryError or a result, and no end of the process.

``native/tests/check_out_of_memory.cpp`` does the same to the core alone, with several threads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.model.scheme import Scheme

from ..models import language_config, write_tiny_model

PREAMBLE = """
import ctypes, resource, sys
import numpy as np
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, Feed, Sampler, SamplingOptions, SearchOptions
from octavo.engine.precision import default_precision

MODEL = ModelDirectory.open(sys.argv[1])
SOURCES = [np.array([5, 6, 7], np.int32), np.array([9], np.int32)]

def load(threads=1):
    return Engine(MODEL, precision=default_precision(MODEL), threads=threads)

def translate(engine):
    found = engine.translate(SOURCES, SearchOptions(max_length=5))
    return [[(h.tokens.tolist(), h.score, h.complete) for h in hypotheses] for hypotheses in found]

def see_inside(engine):
    if engine.precision == "float32":
        engine.observe(SOURCES, SOURCES, lambda site, rows: None)
    else:
        engine.trace(*SOURCES)
    return engine.logits(*SOURCES).tolist()

def score(engine):
    return [scores.tolist() for scores in engine.score_last([np.array([3, 5, 6], np.int32)], [2])]

def generate(engine):
    session = engine.text_session()
    logits = session.step([Feed(1, [0], [3])])
    sampler = Sampler(SamplingOptions(top_k=5), [1])
    return sampler.choose(logits, np.full(1, 0.5)).tolist()
"""
FAIL_EACH = """
shim = ctypes.CDLL(None)
shim.allocation_failed.restype = ctypes.c_bool

def fail_each(name, call, *arguments):
    expected = call(*arguments)
    number = 0
    while True:
        outcome = None
        shim.fail_allocation(ctypes.c_long(number))
        try:
            outcome = call(*arguments)
        except MemoryError:
            pass
        failed = shim.allocation_failed()
        shim.fail_allocation(ctypes.c_long(-1))
        if name != "load":
            assert call(*arguments) == expected, name
            assert outcome in (None, expected), name
        if not failed:
            assert outcome is not None, name
            break
        number += 1
    assert number > 3, (name, number)
    print(name)

engine = load()
fail_each("load", load)
for call in sys.argv[2:]:
    fail_each(call, globals()[call], engine)
"""
CALLS = {"translation": ("translate", "see_inside"), "language model": ("score", "generate")}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload, whose operator new fails where it is told to."""
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        pytest.skip(f"needs a compiler; {compiler} is not installed")
    library = tmp_path_factory.mktemp("shim") / "failing_new.so"
    source = Path(__file__).with_name("failing_new.cpp")
    subprocess.run(
        [compiler, "-std=c++20", "-O1", "-shared", "-fPIC", str(source), "-o", str(library)], check=True
    )
    return library


def write_model(path: Path, kind: str, scheme: Scheme) -> Path:
    if kind == "translation":
        return write_tiny_model(path, scheme=scheme)
    return write_tiny_model(path, config=language_config(), scheme=scheme, target_language="en")


def run(model: Path, script: str, *arguments: str, **environment: str) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", script, str(model), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **environment}
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library as Linux does")
@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INT8, Scheme.INTEGER])
def test_every_allocation_of_a_translation_model_fails(shim: Path, tmp_path: Path, scheme: Scheme) -> None:
    model = write_model(tmp_path / "model", "translation", scheme)
    calls = CALLS["translation"]
    assert run(model, PREAMBLE + FAIL_EACH, *calls, LD_PRELOAD=str(shim)) == ["load", *calls]


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library as Linux does")
def test_every_allocation_of_a_language_model_fails(shim: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", "language model", Scheme.NONE)
    calls = CALLS["language model"]
    assert run(model, PREAMBLE + FAIL_EACH, *calls, LD_PRELOAD=str(shim)) == ["load", *calls]


LIMITS = """
import os

def attempt(room):
    # In a child: translate with so many bytes of address space more than now.
    with open("/proc/self/statm") as sizes:
        size = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + room, resource.RLIM_INFINITY))
    try:
        translate(load(threads=4))
        return 0
    except MemoryError:
        return 3
    except EngineError as error:
        return 3 if "no more threads" in str(error) else 4

outcomes = set()
for room in range(0, 256 * 2**20, 2**23):
    child = os.fork()
    if child == 0:
        os._exit(attempt(room))
    outcomes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(*sorted(outcomes))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc/self/statm to limit memory by")
def test_a_limit_of_address_space(tmp_path: Path) -> None:
    """As ``ulimit -v`` sets it: threads get no stacks, and no memory for their first exception."""
    model = write_model(tmp_path / "model", "translation", Scheme.NONE)
    script = PREAMBLE.replace("import Engine,", "import Engine, EngineError,") + LIMITS
    assert run(model, script) == ["0", "3"]

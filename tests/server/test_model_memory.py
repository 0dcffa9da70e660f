"""The bytes of a model are what a process grows by when it loads the model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from octavo.catalog.found import FoundModel
from octavo.server.model_memory import memory_bytes
from octavo.translation import boxed_model

GROWTH = """
import ctypes, gc, sys
from pathlib import Path
from octavo.translation import Translator

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

path, precision = sys.argv[1:]
Translator.open(path, precision=precision, threads=1).close()
before = resident()
translator = Translator.open(path, precision=precision, threads=1)
print(resident() - before)
"""


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_it_is_what_loading_takes(precision: str) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's /proc")
    command = [sys.executable, "-c", GROWTH, str(boxed_model()), precision]
    growth = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    stated = memory_bytes(FoundModel.read(boxed_model()).description, precision)  # type: ignore[arg-type]
    assert 0.85 * growth < stated < 1.15 * growth

"""Damaged and hostile files of every kind are read, or refused in one sentence; nothing in them is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.fuzz_conversion import run
from benchmarks.fuzz_ctranslate2_files import FORMATS as CTRANSLATE2
from benchmarks.fuzz_model_files import FORMATS as OTHERS


@pytest.mark.parametrize("kind", [*OTHERS, *CTRANSLATE2])
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    outcomes = run(kind, 60, 2, tmp_path)
    assert outcomes["read"] > 0
    assert outcomes["refused"] > 10

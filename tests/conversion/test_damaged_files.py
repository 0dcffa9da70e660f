"""Damaged and hostile files of every kind are read, or refused in one sentence; nothing in them is run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from benchmarks.fuzz_conversion import run
from benchmarks.fuzz_ctranslate2_files import FORMATS as CTRANSLATE2
from benchmarks.fuzz_families import MODELS, NEED_TORCH
from benchmarks.fuzz_model_files import FORMATS as OTHERS

from octavo.conversion import ConversionError, convert

from .marian import edit_json, marian_config, write_marian


@pytest.mark.parametrize("kind", [*OTHERS, *CTRANSLATE2])
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    outcomes = run(kind, 60, 2, tmp_path)
    assert not outcomes.failures
    assert outcomes.read > 0
    assert outcomes.refused > 10


@pytest.mark.parametrize("family", MODELS)
def test_damaged_models(tmp_path: Path, family: str) -> None:
    for module in NEED_TORCH.get(family, ()):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"making this model needs {module}")
    outcomes = run(family, 30, 2, tmp_path)
    assert not outcomes.failures
    assert outcomes.read > 0
    assert outcomes.refused > 5


@pytest.mark.parametrize("key", ["model_type", "d_model", "activation_function", "vocab_size"])
def test_messages_quote_the_beginning_of_long_values(tmp_path: Path, key: str) -> None:
    path = write_marian(tmp_path / "theirs", marian_config()).path
    edit_json(path / "config.json", **{key: "a" * 10_000, "architectures": None})
    with pytest.raises(ConversionError) as caught:
        convert(path, tmp_path / "ours")
    assert len(str(caught.value)) < 300

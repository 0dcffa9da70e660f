"""Damaged and hostile files of every kind are read, or refused in one sentence; nothing in them is run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from benchmarks.fuzz_conversion import run
from benchmarks.fuzz_ctranslate2_files import FORMATS as CTRANSLATE2
from benchmarks.fuzz_families import MODELS, NEED_TORCH
from benchmarks.fuzz_model_files import FORMATS as OTHERS

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert
from octavo.errors import OctavoError

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


@pytest.mark.parametrize("name", ["two\nlines", "x" * 250, "caf\u00e9 \udcff"])
def test_a_model_has_a_name_whatever_its_directory_is_called(tmp_path: Path, name: str) -> None:
    theirs = write_marian(tmp_path / name, marian_config()).path
    convert(theirs, tmp_path / "ours")
    assert (
        ModelDirectory.open(tmp_path / "ours").name
        == "".join(letter if letter.isprintable() else "_" for letter in name)[:200]
    )


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return write_marian(tmp_path / "theirs", marian_config()).path


@pytest.mark.parametrize("file", ["config.json", "generation_config.json", "tokenizer_config.json"])
def test_no_value_is_trusted(file: str, theirs: Path, tmp_path: Path) -> None:
    """Whatever a key holds, the directory converts or is refused in one line."""
    original = json.loads((theirs / file).read_text())
    others = {"bad_words_ids", "suppress_tokens", "length_penalty", "architectures", "eos_token"}
    values = [None, -1, 1.5, True, 2**31, 2**70, "x", "\n", [], {}, [[1]], [None], float("nan")]
    for key in sorted({*original, *others}):
        for value in values:
            (theirs / file).write_text(json.dumps(original | {key: value}))
            try:
                convert(theirs, tmp_path / "ours", overwrite=True)
            except OctavoError as error:
                assert "\n" not in str(error), (key, value)


def test_a_cached_download_has_the_model_s_name(theirs: Path, tmp_path: Path) -> None:
    root = tmp_path / "models--Helsinki-NLP--opus-mt-en-fr"
    snapshot = root / "snapshots" / "6fe3"
    snapshot.parent.mkdir(parents=True)
    theirs.rename(snapshot)
    edit_json(snapshot / "tokenizer_config.json", source_lang=None, target_lang=None)
    convert(snapshot, tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    assert (model.name, model.source_language, model.target_language) == ("opus-mt-en-fr", "en", "fr")
    with pytest.raises(ConversionError, match=r"is a cache of downloads; the model is .*snapshots/6fe3"):
        convert(root, tmp_path / "other")

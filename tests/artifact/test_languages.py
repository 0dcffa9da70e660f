"""The key "languages" of config.json: optional, kept, and refused where a model cannot have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.errors import ModelError
from octavo.languages import Languages
from octavo.quantization import quantize_model

from ..models import write_tiny_model

LANGUAGES = Languages({"eng_Latn": 90, "deu_Latn": 91}, ("$source",), (), ("$target",), "eng_Latn")


def test_languages_are_written_read_and_kept_by_quantization(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model", languages=LANGUAGES)
    assert ModelDirectory.open(path).languages == LANGUAGES
    quantize_model(path, tmp_path / "int8")
    assert ModelDirectory.open(tmp_path / "int8").languages == LANGUAGES


def test_a_model_need_not_have_them(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    assert "languages" not in json.loads((path / "config.json").read_text())
    assert ModelDirectory.open(path).languages is None


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "config.json: languages: expected an object, found list"),
        ({}, r"config.json: languages: has the keys \[\]; must be codes, source, target, default"),
        ({**LANGUAGES.to_dict(), "codes": {"eng_Latn": 96}}, "code 'eng_Latn': token 96 lies outside"),
    ],
)
def test_others_are_refused_with_the_name_of_the_file(tmp_path: Path, value: object, complaint: str) -> None:
    path = write_tiny_model(tmp_path / "model")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "languages": value}))
    with pytest.raises(ModelError, match=complaint):
        ModelDirectory.open(path)

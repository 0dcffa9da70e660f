"""octavo.load and what ``import octavo`` offers."""

from __future__ import annotations

from pathlib import Path

import pytest

import octavo
from octavo.errors import ModelError
from octavo.translation import translator as module


def test_the_precision_follows_the_model(float_model: Path, int8_model: Path) -> None:
    with octavo.load(float_model, threads=1) as translator:
        assert (translator.precision, translator.threads) == ("float32", 1)
    with octavo.load(str(int8_model), threads=1) as translator:
        assert translator.precision == "int8"
    with octavo.load(int8_model, precision="float32", threads=1) as translator:
        assert translator.precision == "float32"


def test_int8_needs_a_quantized_model(float_model: Path) -> None:
    with pytest.raises(octavo.OctavoError, match="octavo quantize"):
        octavo.load(float_model, precision="int8")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        octavo.load(tmp_path / "nowhere")


def test_no_path_means_the_model_in_the_box(
    int8_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "__file__", str(tmp_path / "translation" / "translator.py"))
    with pytest.raises(ModelError, match="no model in the box"):
        octavo.load()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "en-de").symlink_to(int8_model)
    with octavo.load(threads=1) as translator:
        assert translator("Bako tire.").complete in (True, False)


def test_the_package_offers_its_names() -> None:
    assert octavo.__version__[0].isdigit()
    assert {octavo.Translator.__name__, octavo.Translation.__name__} == {"Translator", "Translation"}
    with pytest.raises(AttributeError, match="Translatr"):
        octavo.Translatr  # noqa: B018

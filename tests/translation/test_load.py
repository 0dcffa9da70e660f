"""octavo.load and what ``import octavo`` offers."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import octavo
from octavo.artifact import boxed
from octavo.errors import ModelError
from octavo.translation import Translator


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


@pytest.mark.parametrize("path", [3, b"model", ["model"]])
def test_a_path_of_another_type_is_named(path: object) -> None:
    with pytest.raises(ModelError, match=r"a model is named by the path of its directory"):
        octavo.load(path)  # type: ignore[arg-type]


def test_no_path_means_the_model_in_the_box(
    int8_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxed, "__file__", str(tmp_path / "artifact" / "boxed.py"))
    with pytest.raises(ModelError, match="no model in the box"):
        octavo.load()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "en-de").symlink_to(int8_model)
    with octavo.load(threads=1) as translator:
        assert translator("Bako tire.").complete in (True, False)


def test_a_translator_is_printed_with_its_model(int8_model: Path) -> None:
    with octavo.load(int8_model, threads=1) as translator:
        assert repr(translator) == f"Translator({str(int8_model)!r}, precision='int8', threads=1)"
    assert repr(translator) == f"Translator({str(int8_model)!r}, closed)"


def test_a_translator_is_pickled_as_its_path_and_options(
    int8_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(int8_model.parent)
    options = {"precision": "float32", "sentence_by_sentence": False}
    with octavo.load(int8_model.name, threads=1, **options) as translator:  # type: ignore[arg-type]
        pickled = pickle.dumps(translator)
        monkeypatch.chdir("/")
        with pickle.loads(pickled) as again:
            assert (again.precision, again.threads, again.sentence_by_sentence) == ("float32", 1, False)
            assert again("Bako tire. Sal.") == translator("Bako tire. Sal.")
        translator.sentence_by_sentence = True
        with pickle.loads(pickle.dumps(translator)) as again:
            assert again.sentence_by_sentence
    with pytest.raises(ValueError, match="the translator is closed"):
        pickle.dumps(translator)


def test_another_process_can_be_given_a_translator(int8_model: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with octavo.load(int8_model, threads=1) as translator, ProcessPoolExecutor(1, spawn) as pool:
        assert pool.submit(translator, "Bako tire.").result() == translator("Bako tire.")


def test_a_translator_around_an_engine_says_why_it_is_not_pickled(translator: Translator) -> None:
    with pytest.raises(TypeError, match="no other process can have; load the model in each process"):
        pickle.dumps(translator)


def test_the_package_offers_its_names() -> None:
    assert {*octavo.__all__} <= {*dir(octavo)}
    assert {"Translator", "Translation", "__version__", "__name__"} <= {*dir(octavo)}
    assert octavo.__version__[0].isdigit()
    assert {octavo.Translator.__name__, octavo.Translation.__name__} == {"Translator", "Translation"}
    with pytest.raises(AttributeError, match="Translatr"):
        octavo.Translatr  # noqa: B018

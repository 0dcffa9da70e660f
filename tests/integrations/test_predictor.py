"""A Predictor takes batches of every kind, and gives them back in the same."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import octavo
from octavo.errors import ModelError
from octavo.integrations import ModelSource, Predictor, model_source, pack_model
from octavo.model.scheme import Scheme

from ..models import synthetic_sentences, tiny_config, write_tiny_model

TEXTS = synthetic_sentences(6, seed=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_config(encoder_layers=1, decoder_layers=1)
    return write_tiny_model(
        tmp_path_factory.mktemp("models") / "m", scheme=Scheme.INT8_DYNAMIC, config=config
    )


@pytest.fixture(scope="module")
def translations(model: Path) -> list[str]:
    with octavo.load(model) as translator:
        return [found.text for found in translator(TEXTS, beam=1)]


@pytest.fixture
def predictor(model: Path) -> Predictor:
    return Predictor(model, threads=1, beam=1)


def test_lists(predictor: Predictor, translations: list[str]) -> None:
    batch = {"text": TEXTS, "id": [1, 2, 3, 4, 5, 6]}
    assert predictor(batch) == {**batch, "translation": translations}
    assert "translation" not in batch


def test_numpy(predictor: Predictor, translations: list[str]) -> None:
    found = predictor({"text": np.array(TEXTS, dtype=object)})
    assert isinstance(found["translation"], np.ndarray)
    assert found["translation"].tolist() == translations
    assert predictor({"text": np.array(TEXTS)})["translation"].tolist() == translations


def test_pandas(predictor: Predictor, translations: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": [*TEXTS, None], "id": range(7)}, index=range(10, 17))
    found = predictor(frame)
    assert list(found.columns) == ["text", "id", "translation"]
    assert found["translation"].tolist()[:6] == translations
    assert found["translation"].isna().tolist() == [False] * 6 + [True]
    assert list(found.index) == list(frame.index)
    assert "translation" not in frame


def test_pyarrow(predictor: Predictor, translations: list[str]) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"text": [*TEXTS, None], "id": range(7)})
    found = predictor(table)
    assert found.column_names == ["text", "id", "translation"]
    assert found["translation"].to_pylist() == [*translations, None]
    assert predictor(found).equals(found)
    assert predictor(table.slice(0, 0)).schema == found.schema
    batch = table.to_batches()[0]
    assert predictor(batch).column("translation").to_pylist() == [*translations, None]


def test_datasets(predictor: Predictor, translations: list[str]) -> None:
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_dict({"text": TEXTS})
    assert dataset.map(predictor, batched=True, batch_size=4)["translation"] == translations


def test_names_of_columns(model: Path, translations: list[str]) -> None:
    predictor = Predictor(model, column="en", output="de", beam=1)
    assert predictor({"en": TEXTS})["de"] == translations
    with pytest.raises(KeyError, match="no column 'en'; it has 'text'"):
        predictor({"text": TEXTS})


@pytest.mark.parametrize("batch", [["text"], "text", 3, None])
def test_what_is_no_batch(predictor: Predictor, batch: Any) -> None:
    with pytest.raises(TypeError, match="must be a dict of columns"):
        predictor(batch)


def test_what_is_no_text(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        predictor({"text": ["bako", 3]})


def test_a_pickled_one_loads_the_model_again(predictor: Predictor, translations: list[str]) -> None:
    predictor({"text": TEXTS[:1]})
    data = pickle.dumps(predictor)
    assert len(data) < 2000
    assert pickle.loads(data)({"text": TEXTS})["translation"] == translations


def test_a_process_loads_a_model_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    monkeypatch.setattr(octavo, "load", lambda path, **options: loaded.append((path, options)))
    model_source._loaded.clear()
    for _ in range(3):
        assert Predictor(model, threads=1).translator is None
    assert loaded == [(str(model), {"threads": 1})]
    model_source._loaded.clear()


def test_a_packed_model(model: Path, tmp_path: Path, translations: list[str]) -> None:
    elsewhere = tmp_path / "m"
    shutil.copytree(model, elsewhere)
    packed = pack_model(elsewhere)
    shutil.rmtree(elsewhere)
    assert Predictor(packed, beam=1)({"text": TEXTS})["translation"] == translations
    with pytest.raises(ModelError, match="the packed model is damaged"):
        Predictor(b"no archive").translator  # noqa: B018
    with pytest.raises(ModelError, match="no such model directory"):
        Predictor(elsewhere).translator  # noqa: B018


def test_a_path_is_taken_where_it_has_that_very_model(model: Path, tmp_path: Path) -> None:
    packed = pack_model(model)
    same = octavo.load(model).model.fingerprint()
    assert ModelSource(str(model), packed, same).load({}).model.path == model
    assert ModelSource(str(model), packed, "another").load({}).model.path != model
    assert ModelSource(str(tmp_path / "none"), packed, same).load({}).model.fingerprint

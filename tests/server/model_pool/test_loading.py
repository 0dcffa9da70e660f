"""Models of a service under many threads: loaded once, kept while in use, closed when unused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.errors import ModelError
from octavo.server import model_pool
from octavo.server.errors import DrainingError, UnavailableError, UnsupportedPairError
from octavo.server.model_pool import ModelPool

from ...models import language_config, write_tiny_model
from ..conftest import TinyModel
from .conftest import TEXT, Opened, loaded, translated


def test_a_model_is_loaded_on_first_use_and_stays(pool: ModelPool, opened: Opened) -> None:
    assert loaded(pool) == []
    first = translated(pool)
    assert loaded(pool) == ["en-de"]
    assert translated(pool) == first
    assert opened.names == ["en-de"]


def test_what_a_pool_tells_of_its_models(pool: ModelPool) -> None:
    assert [(m.name, m.precision) for m in pool.models()] == [
        ("de-en", "float32"),
        ("en-de", "float32"),
        ("en-fr", "float32"),
    ]
    assert all(model.bytes > 10_000 for model in pool.models())
    assert [(pair.source, pair.target, pair.via) for pair in pool.languages.pairs()][-1] == ("de", "fr", "en")


def test_a_pivot_has_two_translators(pool: ModelPool) -> None:
    with pool.route("de", "fr") as steps:
        assert [step.model.path.name for step in steps] == ["de-en", "en-fr"]


def test_an_unknown_pair_lists_what_there_is(pool: ModelPool) -> None:
    with pytest.raises(UnsupportedPairError, match="from fr to de; there are the pairs de-en, en-de"):
        translated(pool, "fr", "de")


def test_many_threads_wait_for_one_loading(pool: ModelPool, opened: Opened) -> None:
    with ThreadPoolExecutor(16) as threads:
        texts = list(threads.map(lambda _: translated(pool), range(64)))
    assert len(set(texts)) == 1
    assert opened.names == ["en-de"]


def test_a_model_that_is_loading_does_not_block_others(pool: ModelPool, opened: Opened) -> None:
    """The one whose loading hangs is waited for only after the other has translated."""
    go_on, hangs = threading.Event(), threading.Event()

    def hang(path: Path) -> None:
        if path.name == "en-de":
            hangs.set()
            assert go_on.wait(60)

    opened.before = hang
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(translated, pool), threads.submit(translated, pool)]
        assert hangs.wait(60)
        assert translated(pool, "de", "en")
        assert loaded(pool) == ["de-en"]
        go_on.set()
        assert waiting[0].result() == waiting[1].result()
    assert sorted(opened.names) == ["de-en", "en-de"]


def bytes_of_one(models: Path) -> int:
    return ModelPool([models]).models()[0].bytes


def test_the_least_recently_used_model_goes(models: Path, opened: Opened) -> None:
    pool = ModelPool([models], memory_limit=2 * bytes_of_one(models), threads=1)
    translated(pool, "de", "en")
    translated(pool, "en", "de")
    translated(pool, "de", "en")
    translated(pool, "en", "fr")
    assert loaded(pool) == ["de-en", "en-fr"]
    assert len(opened.open) == 2
    pool.close()
    assert not opened.open


def test_a_model_in_use_stays_and_goes_later(models: Path, opened: Opened) -> None:
    pool = ModelPool([models], memory_limit=bytes_of_one(models), threads=1)
    with pool.route("en", "de") as (held,):
        translated(pool, "de", "en")
        assert loaded(pool) == ["en-de"]
        with pool.route("en", "fr") as (other,):
            assert loaded(pool) == ["en-de", "en-fr"]
            assert held(TEXT).text
            assert other(TEXT).text
    assert len(loaded(pool)) == 1
    pool.close()


def test_a_model_over_the_limit_alone_is_kept(models: Path, opened: Opened) -> None:
    pool = ModelPool([models], memory_limit=1, threads=1)
    translated(pool)
    translated(pool)
    assert opened.names == ["en-de"]
    pool.close()


def test_a_model_that_cannot_be_loaded(
    models: Path, opened: Opened, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an answer for the client, and another try comes after a while or with a reload."""
    now = 1000.0
    monkeypatch.setattr(model_pool.time, "monotonic", lambda: now)
    pool = ModelPool([models], threads=1)
    weights = models / "en-de" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with ThreadPoolExecutor(8) as threads:
        refused = [threads.submit(translated, pool).exception() for _ in range(16)]
    assert {repr(one) for one in refused} == {"UnavailableError('the model en-de cannot be loaded')"}
    assert {getattr(one, "retry_after", None) for one in refused} == {10}
    assert "altered" in pool.problems()["en-de"]
    weights.write_bytes(whole)
    with pytest.raises(UnavailableError):
        translated(pool)
    now += 10
    assert translated(pool)
    assert pool.problems() == {}
    pool.close()


def test_close_waits_for_the_last_user(pool: ModelPool, opened: Opened) -> None:
    with pool.route("en", "de") as (held,):
        pool.close()
        pool.close()
        assert held(TEXT).text
        with pytest.raises(DrainingError):
            translated(pool)
        pool.reload()
        assert len(opened.open) == 1
    assert not opened.open


def test_eviction_under_load(models: Path, opened: Opened) -> None:
    """Translators are never closed in use, whatever pairs many threads ask for in whatever order."""
    pool = ModelPool([models], memory_limit=bytes_of_one(models), threads=1)
    pairs = [("en", "de"), ("de", "en"), ("en", "fr"), ("de", "fr")]
    expected = {pair: translated(pool, *pair) for pair in pairs}

    def client(number: int) -> None:
        for step in range(8):
            pair = pairs[(number * 3 + step * (number % 3 + 1)) % len(pairs)]
            assert translated(pool, *pair) == expected[pair]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client, range(8)))
    assert len(opened.open) == len(loaded(pool)) == 1
    pool.close()
    assert not opened.open


def test_paths_that_hold_no_model(tmp_path: Path, models: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds no translation model"):
        ModelPool([tmp_path / "empty"])
    with pytest.raises(ModelError, match="holds no translation model"):
        ModelPool([])
    with pytest.raises(ModelError, match="no such model directory"):
        ModelPool([models, tmp_path / "nowhere"])


def test_damaged_and_language_models_in_a_directory_are_left_out(models: Path) -> None:
    (models / "en-de" / "config.json").write_text("{}", encoding="utf-8")
    write_tiny_model(models / "lm", config=language_config())
    pool = ModelPool([models])
    assert [model.name for model in pool.models()] == ["de-en", "en-fr"]
    assert set(pool.problems()) == {"en-de"}
    with pytest.raises(ModelError, match="is a language model"):
        ModelPool([models / "lm"])
    with pytest.raises(ModelError, match="no Octavo model directory"):
        ModelPool([models / "en-de"])
    for name in ("de-en", "en-fr"):
        (models / name / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"holds no translation model.*; de-en: .*; en-fr: .*not valid JSON"):
        ModelPool([models])


def test_the_first_of_two_models_of_a_pair_serves_it(
    models: Path, tmp_path: Path, tiny_model: TinyModel
) -> None:
    other = tiny_model(tmp_path / "other" / "en-de", seed=5)
    pool = ModelPool([other, models, models], threads=1)
    assert [model.name for model in pool.models()] == ["en-de", "de-en", "en-de-2", "en-fr"]
    with pool.route("en", "de") as (translator,):
        assert translator.model.path == other
    pool.close()

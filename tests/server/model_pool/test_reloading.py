"""Models of a service that change, come and go while others use them."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.engine import ClosedError
from octavo.server.errors import UnavailableError, UnsupportedPairError
from octavo.server.model_pool import ModelPool
from octavo.translation import Translator

from ..conftest import TinyModel
from .conftest import TEXT, Opened, loaded, translated


def test_a_changed_model_is_opened_anew(
    pool: ModelPool, models: Path, opened: Opened, tiny_model: TinyModel
) -> None:
    before = translated(pool)
    with pool.route("en", "de") as (held,):
        tiny_model(models / "en-de", seed=5)
        pool.reload()
        after = translated(pool)
        assert after != before
        assert held(TEXT).text == before
        assert len(opened.open) == 2
    assert len(opened.open) == 1
    with pytest.raises(ClosedError):
        held(TEXT)
    assert translated(pool) == after
    assert pool.problems() == {}


def test_an_unchanged_model_stays_loaded(pool: ModelPool, opened: Opened) -> None:
    translated(pool)
    pool.reload()
    translated(pool)
    assert opened.names == ["en-de"]


def test_a_broken_new_model_keeps_the_old_one(
    pool: ModelPool, models: Path, opened: Opened, tiny_model: TinyModel
) -> None:
    before = translated(pool)
    tiny_model(models / "en-de", seed=5)
    weights = models / "en-de" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    pool.reload()
    assert translated(pool) == before
    problem = pool.problems()["en-de"]
    assert "truncated or altered" in problem
    assert str(models) not in problem
    (models / "en-de" / "config.json").write_text("{", encoding="utf-8")
    pool.reload()
    assert translated(pool) == before
    assert "not valid JSON" in pool.problems()["en-de"]
    tiny_model(models / "en-de", seed=5)
    pool.reload()
    assert translated(pool) != before
    assert pool.problems() == {}


def test_a_relative_path_stays_the_same_place(
    models: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, tiny_model: TinyModel
) -> None:
    (models.parent / "here").mkdir()
    monkeypatch.chdir(models.parent / "here")
    pool = ModelPool([Path("../models")], threads=1)
    before = translated(pool)
    monkeypatch.chdir("/")
    pool.reload()
    assert translated(pool) == before
    assert opened.names == ["en-de"]
    tiny_model(models / "en-de", seed=5)
    pool.reload()
    assert translated(pool) != before
    pool.close()
    assert not opened.open


def test_a_link_that_leads_elsewhere_is_a_changed_model(
    models: Path, opened: Opened, tiny_model: TinyModel
) -> None:
    """As where releases lie side by side, and one of them is the current one."""
    for number in (1, 2):
        tiny_model(models.parent / f"release-{number}", "en>it", seed=number)
    link = models / "en-it"
    link.symlink_to(models.parent / "release-1")
    pool = ModelPool([models], threads=1)
    before = translated(pool, "en", "it")
    link.unlink()
    link.symlink_to(models.parent / "release-2")
    pool.reload()
    assert translated(pool, "en", "it") != before
    pool.close()
    assert not opened.open


def test_models_come_and_go(pool: ModelPool, models: Path, opened: Opened, tiny_model: TinyModel) -> None:
    translated(pool)
    tiny_model(models / "fr-en")
    shutil.rmtree(models / "en-de")
    pool.reload()
    assert [model.name for model in pool.models()] == ["de-en", "en-fr", "fr-en"]
    assert translated(pool, "fr", "en")
    with pytest.raises(UnsupportedPairError):
        translated(pool)
    assert len(opened.open) == 1


def test_a_directory_that_cannot_be_read_keeps_its_models(
    pool: ModelPool, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = translated(pool)
    models.rename(models.with_name("away"))
    pool.reload()
    assert translated(pool) == before
    assert "no such model directory" in pool.problems()["models"]


def test_a_model_replaced_before_its_first_use_is_the_new_one(
    pool: ModelPool, models: Path, tiny_model: TinyModel
) -> None:
    other = ModelPool([tiny_model(models.parent / "en-de", seed=5)], threads=1)
    tiny_model(models / "en-de", seed=5)
    assert translated(pool) == translated(other)
    other.close()
    tiny_model(models / "en-fr", "en>it")
    with pytest.raises(UnavailableError):
        translated(pool, "en", "fr")
    assert "translates between other languages now" in pool.problems()["en-fr"]


def test_a_model_replaced_while_it_is_read_is_read_again(
    pool: ModelPool, models: Path, opened: Opened, tiny_model: TinyModel
) -> None:
    """Its description was the old one's, so the pool reads it once more, whole."""
    changes = [5]

    def replace(path: Path) -> None:
        if changes:
            tiny_model(path, seed=changes.pop())

    opened.before = replace
    after = translated(pool)
    other = ModelPool([models / "en-de"], threads=1)
    assert translated(other) == after
    other.close()
    assert len(opened.open) == 1


def test_reload_under_load(
    pool: ModelPool, models: Path, opened: Opened, tiny_model: TinyModel, tmp_path: Path
) -> None:
    """No request fails, each gets the old model's translation or the new one's, and nothing stays open."""
    expected = set()
    for seed in (0, 5):
        with Translator.open(tiny_model(tmp_path / "en-de", seed=seed), threads=1) as translator:
            expected.add(translator(TEXT).text)
    assert len(expected) == 2
    stop = threading.Event()

    def client() -> set[str]:
        found = set()
        while not stop.is_set():
            found.add(translated(pool))
            assert translated(pool, "de", "fr")
        return found

    with ThreadPoolExecutor(6) as threads:
        clients = [threads.submit(client) for _ in range(6)]
        try:
            for seed in (5, 0, 5, 0):
                fresh = tiny_model(models / ".fresh", "en>de", seed=seed)
                (models / "en-de").rename(models / ".old")
                fresh.rename(models / "en-de")
                shutil.rmtree(models / ".old")
                pool.reload()
        finally:
            stop.set()
        assert set().union(*(one.result() for one in clients)) <= expected
    assert len(opened.open) == len(loaded(pool)) == 3
    pool.close()
    assert not opened.open

"""Models of a service under many threads: loaded once, closed when unused, replaced while in use."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.engine import ClosedError
from octavo.errors import ModelError
from octavo.server import model_pool
from octavo.server.errors import DrainingError, UnavailableError, UnsupportedPairError
from octavo.server.model_pool import ModelPool
from octavo.translation import Translator

from ..models import language_config, write_tiny_model
from .conftest import TinyModel

TEXT = "Bako tire mun."


class Opened:
    """Counts what is opened and closed; ``before`` is called with the path of each model to be opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.open: set[int] = set()
        self.before: Callable[[Path], None] = lambda path: None
        self._lock = threading.Lock()
        opening, closing = Translator.open, Translator.close

        def opened(path: Path, **options: object) -> Translator:
            self.before(path)
            translator = opening(path, **options)  # type: ignore[arg-type]
            with self._lock:
                self.names.append(path.name)
                self.open.add(id(translator))
            return translator

        def closed(translator: Translator) -> None:
            with self._lock:
                self.open.discard(id(translator))
            closing(translator)

        monkeypatch.setattr(Translator, "open", opened)
        monkeypatch.setattr(Translator, "close", closed)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


@pytest.fixture
def models(tmp_path: Path, tiny_model: TinyModel) -> Path:
    """A folder with three models."""
    folder = tmp_path / "models"
    for name in ("de-en", "en-de", "en-fr"):
        tiny_model(folder / name)
    return folder


@pytest.fixture
def pool(models: Path) -> Iterator[ModelPool]:
    opened = ModelPool([models], threads=1)
    yield opened
    opened.close()


def translated(pool: ModelPool, source: str = "en", target: str = "de") -> str:
    with pool.route(source, target) as steps:
        text = TEXT
        for step in steps:
            text = step(text).text
        return text


def loaded(pool: ModelPool) -> list[str]:
    return [model.name for model in pool.models() if model.loaded]


def test_a_model_is_loaded_on_first_use_and_stays(pool: ModelPool, opened: Opened) -> None:
    assert loaded(pool) == []
    first = translated(pool)
    assert loaded(pool) == ["en-de"]
    assert translated(pool) == first
    assert opened.names == ["en-de"]


def test_what_a_pool_tells_of_its_models(pool: ModelPool) -> None:
    assert [(m.name, m.source, m.target, m.precision) for m in pool.models()] == [
        ("de-en", "de", "en", "float32"),
        ("en-de", "en", "de", "float32"),
        ("en-fr", "en", "fr", "float32"),
    ]
    assert all(model.bytes > 10_000 for model in pool.models())
    assert [(pair.source, pair.target, pair.via) for pair in pool.pairs()][-1] == ("de", "fr", "en")


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
    assert "translates en-it now" in pool.problems()["en-fr"]


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


def test_the_first_of_two_models_of_a_pair_serves_it(
    models: Path, tmp_path: Path, tiny_model: TinyModel
) -> None:
    other = tiny_model(tmp_path / "other" / "en-de", seed=5)
    pool = ModelPool([other, models, models], threads=1)
    assert [model.name for model in pool.models()] == ["en-de", "de-en", "en-de-2", "en-fr"]
    with pool.route("en", "de") as (translator,):
        assert translator.model.path == other
    pool.close()

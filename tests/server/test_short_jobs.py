"""Short texts are translated in the event loop, which only the engine's part leaves free."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from octavo.server.errors import BusyError, DeadlinePassedError, RequestError, UnsupportedPairError
from octavo.server.model_pool import ModelPool
from octavo.server.service import Service
from octavo.server.texts import is_short
from octavo.server.work import Job
from octavo.terms import Entry, Glossary

from ..models import synthetic_sentences, write_tiny_model
from .services import with_service

TEXTS = synthetic_sentences(12)


@pytest.fixture
def models(tmp_path: Path) -> Any:
    pool = ModelPool([write_tiny_model(tmp_path / "en-de")], threads=2)
    with pool.route("en", "de"):  # it is loaded
        pass
    yield pool
    pool.close()


def no_thread(*_: object, **__: object) -> None:
    raise AssertionError("a thread was asked for")


def test_what_is_short() -> None:
    assert is_short(Job(["a"] * 4, "de", "en"), 10)
    assert is_short(Job(["\ufdfa" * 55], "de", "en"), 100)  # each is 18 characters to a tokenizer
    assert not is_short(Job(["\ufdfa" * 56], "de", "en"), 100)
    assert not is_short(Job(["a"] * 5, "de", "en"), 10)
    assert not is_short(Job(["a" * 11], "de", "en"), 10)
    assert not is_short(Job(["a"], "de"), 10)
    assert not is_short(Job(["a"], "de", "en", "html"), 10)
    assert not is_short(Job(["a"], "de", "en", glossary=Glossary([Entry("a")])), 10)


def test_short_texts_need_no_thread(models: ModelPool, monkeypatch: pytest.MonkeyPatch) -> None:
    with models.route("en", "de") as (translator,):
        expected = translator(TEXTS, beam=2, nbest=2)
    monkeypatch.setattr(ModelPool, "route", no_thread)
    jobs = [Job([text], "de", "en", search={"beam": 2, "nbest": 2}) for text in TEXTS]

    async def together(service: Service) -> list[Any]:
        return await asyncio.gather(*map(service.translate, jobs))

    answers = with_service(models, together)
    assert [answer.translations for (answer,) in answers] == [(each,) for each in expected]
    assert [(answer.text, answer.source) for (answer,) in answers] == [(each.text, "en") for each in expected]


def test_a_model_that_is_not_loaded_is_loaded_in_a_thread(tmp_path: Path) -> None:
    pool = ModelPool([write_tiny_model(tmp_path / "en-de")], threads=1)
    with pool.loaded_route("en", "de") as translator:
        assert translator is None
    (answer,) = with_service(pool, lambda service: service.translate(Job(TEXTS[:1], "de", "en")))
    with pool.loaded_route("en", "de") as translator:
        assert translator is not None
        assert translator(TEXTS[0]).text == answer.text
    with pytest.raises(UnsupportedPairError), pool.loaded_route("de", "en"):
        pass
    pool.close()


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Job(TEXTS[:1], "de", "en", timeout=0), DeadlinePassedError),
        (Job(TEXTS[:1], "de", "en", search={"beam": 0}), RequestError),
        (Job(TEXTS[:1], "de", "en", search={"beam": 2, "nbest": 3}), RequestError),
    ],
)
def test_what_fails_is_told_and_leaves_nothing(models: ModelPool, job: Job, error: type[Exception]) -> None:
    async def fail(service: Service) -> None:
        with pytest.raises(error):
            await service.translate(job)
        assert service.waiting_characters == 0

    with_service(models, fail)


def test_nobody_works_for_a_task_that_was_cancelled(models: ModelPool) -> None:
    async def leave(service: Service) -> None:
        job = Job([" ".join(TEXTS)[:900]], "de", "en", search={"beam": 32})
        tasks = [asyncio.ensure_future(service.translate(job)) for _ in range(40)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in done)
        assert service.waiting_characters == 0
        while any(each.sentences_under_way for each in models.activity().values()):
            await asyncio.sleep(0.001)
        assert await service.translate(Job(TEXTS[:1], "de", "en"))

    with_service(models, leave)


def test_more_than_may_wait_is_refused(models: ModelPool) -> None:
    async def crowd(service: Service) -> list[Any]:
        jobs = [service.translate(Job([text], "de", "en")) for text in TEXTS * 5]
        return await asyncio.gather(*jobs, return_exceptions=True)

    found = with_service(models, crowd, max_waiting_characters=200)
    busy = [each for each in found if isinstance(each, BusyError)]
    assert 0 < len(busy) < len(found)
    assert all(isinstance(each, list) for each in found if each not in busy)

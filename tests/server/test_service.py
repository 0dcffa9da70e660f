"""The service: what it answers, in which order, and what it gives up or refuses."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="the service needs octavo[serve]")

from octavo.engine import Call, CancelledCallError, Priority
from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    DrainingError,
    InternalError,
    RequestError,
    TooLargeError,
    UnsupportedPairError,
)
from octavo.server.model_pool import ModelPool
from octavo.server.observation import Observation, observe
from octavo.server.service import Service
from octavo.server.settings import ServerSettings
from octavo.server.work import Answer, Job
from octavo.spec import AlignmentHeads
from octavo.terms import Entry, Glossary
from octavo.translation import Translator

from ..models import synthetic_sentences, write_tiny_model
from .page.fake_models import FakeModels

TEXTS = [*synthetic_sentences(6), "", "Bako tire. Sal!\n\n 31", "Bako {0} tire."]
MARKUP = "<p>Bako <b>tire</b> sal. <c>Ko re</c> mun.</p><d>Der pi.</d>"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, made_models: Path) -> Iterator[ModelPool]:
    folder = tmp_path_factory.mktemp("pool")
    for seed, (source, target) in enumerate([("en", "de"), ("de", "fr")]):
        languages = {"source_language": source, "target_language": target}
        heads = AlignmentHeads(((1, 0),)) if target == "de" else None
        write_tiny_model(folder / f"{source}-{target}", seed=seed, alignment=heads, **languages)
    pool = ModelPool([folder], threads=1)
    yield pool
    pool.close()


def with_service(models: Any, use: Callable[[Service], Awaitable[Any]], **settings: Any) -> Any:
    """What ``use`` returns of a service, which is drained afterwards."""

    async def run() -> Any:
        service = Service(models, ServerSettings(**settings))
        try:
            return await use(service)
        finally:
            await service.drain(0)

    return asyncio.run(run())


async def waiting(service: Service, job: Job, models: FakeModels) -> asyncio.Task[list[Answer]]:
    """A job that is in a translator, and waits there."""
    task = asyncio.ensure_future(service.translate(job))
    await asyncio.to_thread(models.translators[job.target].waiting.wait, 10)
    return task


OPTIONS: list[dict[str, Any]] = [
    {},
    {"search": {"beam": 1}},
    {"search": {"beam": 3, "nbest": 3, "length_penalty": 0.5}},
    {"search": {"max_length": 5}, "alignments": True},
    {"sentences": False},
    {"wrapped": True, "glossary": Glossary([Entry("bako", ("zen fu",))])},
]


@pytest.mark.parametrize("fields", OPTIONS, ids=str)
def test_answers_are_those_of_the_library(models: ModelPool, fields: dict[str, Any]) -> None:
    job = Job(TEXTS, "de", "en", **fields)

    async def both(service: Service) -> tuple[list[Answer], list[tuple[int, Any]]]:
        return await service.translate(job), [each async for each in service.translate_each(job)]

    answers, one_by_one = with_service(models, both)
    options = {key: value for key, value in fields.items() if key != "search"} | fields.get("search", {})
    with models.route("en", "de") as (translator,):
        expected = translator(TEXTS, **options)
    assert [answer.translations for answer in answers] == [(each,) for each in expected]
    assert [answer.text for answer in answers] == [each.text for each in expected]
    assert [answer for _, answer in sorted(one_by_one, key=lambda each: each[0])] == answers
    for answer, each in zip(answers, expected, strict=True):
        assert answer.warnings == tuple(warning.name for warning in each.warnings)


def test_requests_of_mixed_clients_are_answered_as_alone(models: ModelPool) -> None:
    jobs = [Job([text], "de", "en", **fields) for text in TEXTS for fields in OPTIONS]

    async def together(service: Service) -> list[list[Answer]]:
        return await asyncio.gather(*map(service.translate, jobs))

    async def alone(service: Service) -> list[list[Answer]]:
        return [await service.translate(job) for job in jobs]

    assert with_service(models, together) == with_service(models, alone)


@pytest.mark.parametrize("markup", ["html", "xml"])
def test_markup_is_that_of_the_library(models: ModelPool, markup: Any) -> None:
    texts = [MARKUP, MARKUP.replace("Bako", "Re"), "<p>31</p>", ""]
    job = Job(texts, "de", "en", markup, ignored_tags=("c", "d"))
    answers = with_service(models, lambda service: service.translate(job))
    with models.route("en", "de") as (translator,):
        call = translator.html if markup == "html" else translator.xml
        assert [answer.text for answer in answers] == [
            str(call(text, ignored_tags=["c", "d"])) for text in texts
        ]
    assert "<c>Ko re</c>" in answers[0].text and "<d>Der pi.</d>" in answers[0].text


def test_a_pivot_goes_through_both_models(models: ModelPool) -> None:
    answers = with_service(models, lambda service: service.translate(Job(TEXTS, "fr", "en")))
    with models.route("en", "fr") as (first, second):
        between = first(TEXTS)
        last = second([each.text for each in between])
    assert [answer.text for answer in answers] == [each.text for each in last]
    for answer, one, other in zip(answers, between, last, strict=True):
        assert set(answer.warnings) == {each.name for each in (*one.warnings, *other.warnings)}


def test_marks_and_terms_go_through_a_pivot(models: ModelPool) -> None:
    text = "<p>Bako <b>tire sal</b> mun.</p>"
    glossary = Glossary([Entry("Bako", ("Zen",)), Entry("mun")])
    job = Job([text], "fr", "en", "html", glossary=glossary, search={"nbest": 2, "max_length": 30})
    (answer,) = with_service(models, lambda service: service.translate(job))
    assert answer.text.count("<b>") == answer.text.count("</b>") == answer.text.count("Zen") == 1
    assert "mun" in answer.text
    assert all(len(each.alternatives) == 2 for each in answer.translations)


def test_what_cannot_be_translated_fails_alone(models: ModelPool) -> None:
    job = Job(["<p>Bako.</p>", "<p>Bako", "Tire."], "de", "en", "xml")

    async def both(service: Service) -> tuple[list[Any], dict[int, Any]]:
        return await service.outcomes(job), {index: each async for index, each in service.translate_each(job)}

    outcomes, by_index = with_service(models, both)
    assert [type(each) for each in outcomes] == [Answer, RequestError, Answer]
    assert "line 1, column 10: this is not well-formed XML" in str(outcomes[1])
    assert [by_index[0], by_index[2]] == [outcomes[0], outcomes[2]]
    assert str(by_index[1]) == str(outcomes[1])
    with pytest.raises(RequestError, match="line 1"):
        with_service(models, lambda service: service.translate(job))


@pytest.mark.parametrize(
    ("job", "error", "message"),
    [
        (Job(["x"], "de", "fr"), UnsupportedPairError, "no model translates from fr to de"),
        (Job(["x"], "xx"), UnsupportedPairError, "no model translates into the target language"),
        (Job(["x" * 101], "de", "en"), TooLargeError, "a text may have 100 characters; this one has 101"),
        (Job(["x"], "de", "en", search={"beam": 0}), RequestError, "beam = 0: must be"),
        (Job(["x"], "de", "en", search={"beam": 2, "nbest": 3}), RequestError, "nbest = 3 is more than"),
        (Job(["x"], "fr", "en", alignments=True), RequestError, "the model has no alignments"),
        (Job(["x"], "de", "en", timeout=601), RequestError, "timeout = 601"),
        (Job(["x"], "de", "en", timeout=float("nan")), RequestError, "timeout = nan"),
    ],
)
def test_a_job_that_cannot_be(models: ModelPool, job: Job, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        with_service(models, lambda service: service.translate(job), max_text_characters=100)


def test_what_is_known_of_a_request_is_noted(models: ModelPool) -> None:
    job = Job(TEXTS, "de", "en")

    async def seen(service: Service) -> list[Observation]:
        found = []
        for each in (False, True):
            observe(known := Observation())
            if each:
                answers = [outcome async for _, outcome in service.translate_each(job)]
            else:
                answers = list(await service.outcomes(job))
            tokens = sum(one.target_tokens for answer in answers for one in answer.translations)
            assert known.target_tokens == tokens > 0
            found.append(known)
        return found

    for known in with_service(models, seen):
        assert (known.texts, known.characters) == (len(TEXTS), sum(map(len, TEXTS)))
        assert (known.source, known.target) == ("en", "de")
        assert known.waiting is not None and known.translating is not None


def test_no_texts_have_no_answers(models: ModelPool) -> None:
    async def both(service: Service) -> tuple[list[Answer], list[Any]]:
        job = Job([], "de", "en")
        return await service.translate(job), [each async for each in service.translate_each(job)]

    assert with_service(models, both) == ([], [])


def test_texts_are_answered_as_they_are_done() -> None:
    models = FakeModels()

    async def order(service: Service) -> list[int]:
        found = []
        async for index, outcome in service.translate_each(Job(["wait", "a", "b"], "de", "en")):
            assert isinstance(outcome, Answer)
            found.append(index)
            if len(found) == 2:
                models.translators["de"].gate.set()
        return found

    assert with_service(models, order)[-1] == 0


@pytest.mark.parametrize("each", [False, True])
def test_work_is_given_up_when_nobody_waits_for_it(each: bool) -> None:
    models = FakeModels()

    async def leave(service: Service) -> None:
        job = Job(["wait", "wait"], "de", "en")

        async def one_by_one() -> None:
            async for _ in service.translate_each(job):
                pass

        task = asyncio.ensure_future(one_by_one() if each else service.translate(job))
        await asyncio.to_thread(models.translators["de"].waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(models.translators["de"].given_up.wait, 10)
        while service.waiting_characters:
            await asyncio.sleep(0.001)

    with_service(models, leave)


def test_the_deadline_holds_in_the_queue_and_in_the_engine() -> None:
    models = FakeModels()

    async def late(service: Service) -> None:
        results = await asyncio.gather(
            *(service.translate(Job(["wait"], "de", "en", timeout=0.1)) for _ in range(3)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [DeadlinePassedError] * 3
        found = [each async for _, each in service.translate_each(Job(["wait"] * 3, "de", "en", timeout=0.1))]
        assert [type(each) for each in found] == [DeadlinePassedError] * 3

    with_service(models, late, text_threads=1)
    assert models.translators["de"].given_up.is_set()


def test_what_is_too_late_leaves_the_engine(models: ModelPool) -> None:
    async def late(service: Service) -> list[Answer]:
        with pytest.raises(DeadlinePassedError):
            await service.translate(Job(synthetic_sentences(900) * 3, "de", "en", timeout=0.05))
        while service.waiting_characters:
            await asyncio.sleep(0.001)
        return await service.translate(Job(TEXTS, "de", "en"))

    with models.route("en", "de") as (translator,):
        expected = [each.text for each in translator(TEXTS)]
    assert [answer.text for answer in with_service(models, late)] == expected


def test_what_is_too_much_is_refused_and_what_was_accepted_is_not_lost() -> None:
    models = FakeModels()

    async def crowd(service: Service) -> None:
        first = await waiting(service, Job(["wait"], "de", "en"), models)
        with pytest.raises(BusyError) as refused:
            await service.translate(Job(["x" * 100], "de", "en"))
        assert 1 <= refused.value.retry_after <= 60
        bulk = await service.translate(Job(["x" * 100], "de", "en", priority=Priority.BULK))
        models.translators["de"].gate.set()
        assert [answer.text for answer in await first] == ["WAIT"]
        assert [answer.text for answer in bulk] == ["X" * 100]
        alone = await service.translate(Job(["y" * 500], "de", "en"))
        assert [answer.text for answer in alone] == ["Y" * 500]
        assert service.waiting_characters == 0

    with_service(models, crowd, max_waiting_characters=100)


def test_a_drained_service_ends_what_it_accepted() -> None:
    models = FakeModels()

    async def stop(service: Service) -> None:
        job = Job(["wait"], "de", "en")
        task = await waiting(service, job, models)
        draining = asyncio.ensure_future(service.drain(30))
        await asyncio.sleep(0)
        with pytest.raises(DrainingError):
            await service.translate(job)
        models.translators["de"].gate.set()
        assert [answer.text for answer in await task] == ["WAIT"]
        await draining

    with_service(models, stop)


def test_what_is_not_done_when_the_grace_is_over_is_answered() -> None:
    models = FakeModels()

    async def stop(service: Service) -> None:
        task = await waiting(service, Job(["wait"], "de", "en"), models)
        await service.drain(0)
        with pytest.raises(DrainingError):
            await task

    with_service(models, stop)


def test_a_fault_is_logged_without_the_text(caplog: pytest.LogCaptureFixture) -> None:
    models = FakeModels()

    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("a secret text")

    models.translators["de"].passages = fail  # type: ignore[method-assign]
    observe(known := Observation())
    with caplog.at_level(logging.ERROR), pytest.raises(InternalError) as told:
        with_service(models, lambda service: service.translate(Job(["secret"], "de", "en")))
    assert known.error == "ValueError"
    assert "secret" not in str(told.value)
    assert "ValueError" in caplog.text and "test_service.py" in caplog.text
    assert "a secret text" not in caplog.text.replace('raise ValueError("a secret text")', "")


@pytest.mark.skipif(importlib.util.find_spec("py3langid") is None, reason="py3langid is not installed")
def test_a_language_is_found_out() -> None:
    texts = ["This is a house by the lake.", "Das ist ein Haus am See.", "Das kleine Haus ist rot."]

    async def ask(service: Service) -> tuple[list[Answer], list[Answer], list[tuple[str, float]]]:
        return (
            await service.translate(Job(texts, "ar")),
            await service.translate(Job(texts, "en")),
            await service.detect(texts[1]),
        )

    to_arabic, to_english, found = with_service(FakeModels(), ask)
    assert [answer.source for answer in to_arabic] == ["en", "de", "de"]
    assert [answer.source for answer in to_english] == ["en", "de", "de"]
    assert to_english[0].text == texts[0], "a text that is in the target language stays"
    assert found[0][0] == "de"
    assert sum(confidence for _, confidence in found) == pytest.approx(1)
    assert sorted(found, key=lambda each: -each[1]) == found


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py3langid.langid", None)
    from octavo.text import identification

    identification._loaded.cache_clear()
    try:
        with pytest.raises(RequestError, match=r'pip install "octavo\[detect\]"; or state it'):
            with_service(FakeModels(), lambda service: service.translate(Job(["Hello"], "de")))
    finally:
        identification._loaded.cache_clear()


async def document(service: Service, data: bytes, name: str, **options: Any) -> bytes:
    answer = await service.translate_document(data, name, **({"source": "en", "target": "de"} | options))
    return answer.content


def test_documents_are_those_of_the_library(models: ModelPool, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    with models.route("en", "de") as (translator,):
        for name, data in (("a.txt", "\n".join(TEXTS).encode()), ("a.html", MARKUP.encode())):
            (tmp_path / name).write_bytes(data)
            expected = translator.document(tmp_path / name, None).content
            found = with_service(
                models,
                lambda service, data=data, name=name: document(
                    service, data, name, progress=lambda done, of: heard.append((done, of))
                ),
            )
            assert found == expected != data
            assert heard and heard[-1][0] == heard[-1][1] > 0


@pytest.mark.parametrize(
    ("data", "name", "options", "error", "message"),
    [
        (b"Bako", "a.exe", {}, RequestError, "the ending of the document's name is none of .html"),
        (b"\xff\xfe\xff", "a.html", {}, RequestError, "is not"),
        (b"", "a.txt", {}, RequestError, "the document has no text to translate"),
        (b"Bako", "a.txt", {"target": "it"}, UnsupportedPairError, "no model translates from en to it"),
        (b"x" * 2000, "a.txt", {}, TooLargeError, "a document may have 1000 bytes; this one has 2000"),
    ],
)
def test_documents_that_cannot_be(
    models: ModelPool, data: bytes, name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        with_service(
            models, lambda service: document(service, data, name, **options), max_document_bytes=1000
        )


def test_a_document_can_be_given_up_and_there_are_not_too_many() -> None:
    models = FakeModels()

    async def use(service: Service) -> None:
        call = Call()
        task = asyncio.ensure_future(document(service, b"wait", "a.txt", call=call))
        await asyncio.to_thread(models.translators["de"].waiting.wait, 10)
        with pytest.raises(BusyError, match="as many documents"):
            await document(service, b"Bako", "a.txt")
        call.cancel()
        with pytest.raises(CancelledCallError):
            await task
        assert await document(service, b"Bako", "a.txt") == b"BAKO"

    with_service(models, use, max_waiting_documents=1)


def test_the_pool_is_the_one_of_the_library(models: ModelPool) -> None:
    with models.route("en", "de") as (translator,):
        assert isinstance(translator, Translator)
    assert with_service(models, lambda service: asyncio.to_thread(service.pairs)) == [
        ("de", "fr"),
        ("en", "de"),
        ("en", "fr"),
    ]

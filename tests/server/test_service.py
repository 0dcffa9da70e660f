"""The service: what it answers."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="the service needs octavo[serve]")

from octavo.model.alignment_heads import AlignmentHeads
from octavo.server.errors import (
    DeadlinePassedError,
    InternalError,
    RequestError,
    TooLargeError,
    UnsupportedPairError,
)
from octavo.server.model_pool import ModelPool
from octavo.server.observation import Observation, observe
from octavo.server.service import Service
from octavo.server.work import Answer, Job
from octavo.terms import Entry, Glossary
from octavo.translation import Translator

from ..models import synthetic_sentences, write_tiny_model
from .page.fake_models import FakeModels
from .services import document, with_service

TEXTS = [*synthetic_sentences(6), "", "Bako tire. Sal!\n\n 31", "Bako {0} tire."]
MARKUP = "<p>Bako <b>tire</b> sal. <c>Ko re</c> mun.</p><d>Der pi.</d>"
OPTIONS: list[dict[str, Any]] = [
    {},
    {"search": {"beam": 1}},
    {"search": {"beam": 3, "nbest": 3, "length_penalty": 0.5}},
    {"search": {"max_length": 5}, "alignments": True},
    {"sentences": False},
    {"wrapped": True, "glossary": Glossary([Entry("bako", ("zen fu",))])},
]


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


@pytest.mark.parametrize("fields", OPTIONS, ids=" ".join)
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
        (Job(["x"], "xx"), UnsupportedPairError, "no model translates into xx; there are the pairs de-fr"),
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


def test_the_pool_is_the_one_of_the_library(models: ModelPool) -> None:
    with models.route("en", "de") as (translator,):
        assert isinstance(translator, Translator)
    pairs = with_service(models, lambda service: asyncio.to_thread(lambda: list(service.languages.pairs())))
    assert [(pair.source, pair.target) for pair in pairs] == [("de", "fr"), ("en", "de"), ("en", "fr")]

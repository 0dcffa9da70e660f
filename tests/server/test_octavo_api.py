"""Our own API: what it answers to good and bad requests, and that its reference is true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("httpx", reason="the tests of the service need octavo[test]")
import httpx
import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from octavo.server.api.octavo import operations
from octavo.server.api.octavo.messages import TranslateResponse
from octavo.server.app import create_app
from octavo.server.model_pool import ModelPool
from octavo.server.problems import Problem
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from ..models import synthetic_sentences, write_tiny_model
from .page.fake_models import FakeModels

JSON = {"content-type": "application/json"}
SETTINGS = ServerSettings(max_texts=8, max_text_characters=1_000)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelPool]:
    folder = tmp_path_factory.mktemp("pool")
    for pair in (("en", "de"), ("de", "fr")):
        write_tiny_model(folder / "-".join(pair), source_language=pair[0], target_language=pair[1])
    pool = ModelPool([folder], threads=1)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def client(models: ModelPool) -> Iterator[TestClient]:
    with TestClient(create_app(Service(models, SETTINGS), SETTINGS), raise_server_exceptions=False) as client:
        yield client


def request(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"items": list(items), "source": "en", "target": "de", **fields}


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = msgspec.json.decode(answer.content, type=Problem)
    assert found.status == status and found.title and found.code and found.request_id
    return dict(answer.json())


def test_items_have_results_of_their_own(client: TestClient, models: ModelPool) -> None:
    text = synthetic_sentences(1)[0]
    items = [
        {"id": "a", "text": text},
        {"id": 7, "html": f"<p>{text} <b>Bako</b>"},
        {"xml": f"<a>{text}</a>"},
    ]
    answer = client.post("/v1/translate", json=request(*items, options={"nbest": 2, "beam": 2}))
    found = msgspec.json.decode(answer.content, type=TranslateResponse).results
    assert [(each.index, each.id, each.source) for each in found] == [
        (0, "a", "en"),
        (1, 7, "en"),
        (2, None, "en"),
    ]
    with models.route("en", "de") as (translator,):
        expected = translator(text, nbest=2, beam=2)
        html = str(translator.html(items[1]["html"], nbest=2, beam=2))
        xml = str(translator.xml(items[2]["xml"], nbest=2, beam=2))
    assert (found[0].text, found[0].score, found[0].complete) == (
        expected.text,
        expected.score,
        expected.complete,
    )
    assert [(each.text, each.score) for each in found[0].alternatives] == [  # type: ignore[union-attr]
        (each.text, each.score) for each in expected.alternatives
    ]
    assert (found[1].html, found[2].xml) == (html, xml)
    times = answer.json()["timings"]
    assert times["waiting"] >= 0 and 0 < times["translating"] <= times["total"]


BAD: list[tuple[Any, str, str]] = [
    (5, "$.items[1]", "Expected `object`, got `int`"),
    ({"text": 5, "id": "q"}, "$.items[1].text", "Expected `str`, got `int`"),
    ({"id": "q"}, "$.items[1]", "an item has one of text, html and xml; this one has 0"),
    ({"text": "a", "html": "b", "id": "q"}, "$.items[1]", "this one has 2"),
    ({"text": "a", "color": "b"}, "$.items[1]", "unknown field `color`"),
    ({"text": "a", "id": 2**60}, "$.items[1].id", "Expected `int` <= 9007199254740991"),
    ({"xml": "<a>", "id": "q"}, "", "not well-formed XML"),
    ({"text": "x" * 1001, "id": "q"}, "", "a text may have 1000 characters; this one has 1001"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("item", "field", "detail"), BAD)
def test_a_bad_item_fails_alone(client: TestClient, item: Any, field: str, detail: str, stream: bool) -> None:
    asked = request({"text": "Bako."}, item, {"html": "<p>Tire."})
    answer = client.post(f"/v1/translate?stream={int(stream)}", json=asked)
    assert answer.status_code == 200
    if stream:
        assert answer.headers["content-type"] == "application/jsonl"
        results = sorted(map(json.loads, answer.text.splitlines()), key=lambda each: each["index"])
    else:
        results = answer.json()["results"]
    assert ["error" in each for each in results] == [False, True, False]
    bad = results[1]
    assert detail in bad["error"]["detail"] and bad["error"].get("field", "") == field
    assert bad.get("id") == ("q" if isinstance(item, dict) and item.get("id") == "q" else None)


def test_lines_come_as_texts_are_done() -> None:
    models = FakeModels()
    service = Service(models, SETTINGS)  # type: ignore[arg-type]
    app = create_app(service, SETTINGS)
    lines: list[int] = []

    async def receive_lines() -> None:
        received: asyncio.Queue[bytes] = asyncio.Queue()
        asked = request({"text": "wait"}, {"html": "<p>a"}, {"text": "b"})
        body = {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}

        async def receive() -> dict[str, Any]:
            if body["type"] == "http.request" and not receive.__dict__.setdefault("sent", False):
                receive.__dict__["sent"] = True
                return body
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Any) -> None:
            await received.put(message.get("body", b""))

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/translate",
            "raw_path": b"/v1/translate",
            "query_string": b"stream=1",
            "headers": [(b"content-type", b"application/json")],
        }
        running = asyncio.ensure_future(app(scope, receive, send))
        while len(lines) < 3:
            if line := await asyncio.wait_for(received.get(), 10):
                lines.append(json.loads(line)["index"])
            if len(lines) == 2:
                models.translators["de"].gate.set()
        await running

    asyncio.run(receive_lines())
    assert sorted(lines[:2]) == [1, 2] and lines[2] == 0


ONE = b'{"items": [{"text": "a"}], "source": "en", "target": "de", '
WRONG: list[tuple[bytes, str]] = [
    (b"", "the body is not JSON"),
    (b"\xff{}", "the body is not JSON"),
    (b'{"items": [], "target": "\xff"}', "the body is not JSON"),
    (b'{"items": [], "target": "\\ud800"}', "the body is not JSON"),
    (b'{"items": ' + b"[" * 100_000, "nested too deeply"),
    (b'{"items": [], "target": "de", "timeout": NaN}', "the body is not JSON"),
    (b'{"items": [], "target": "de", "timeout": 1e999}', "out of range"),
    (b'{"items": [], "target": "de", "timeout": 0}', "Expected `float` > 0"),
    (b'{"items": [], "target": "de", "options": {"beam": 123456789012345678901234567890}}', "<= 64"),
    (b'{"items": [], "target": "de", "options": {"beam": true}}', "got `bool`"),
    (b'{"items": [], "target": "de", "colour": 1}', "unknown field `colour`"),
    (b'{"items": []}', "missing required field `target`"),
    (b'{"items": {}, "target": "de"}', "Expected `array`"),
    (b'{"items": [{"text": "a"}], "source": "en", "target": "xx"}', "no model translates from en to xx"),
    (b'{"items": [{"text": "a"}], "target": "xx"}', "no model translates into xx; there are the pairs"),
    (b'{"items": [{"text": "a"}], "target": "x x"}', "a language is named by a tag"),
    (b'{"items": [{"text": "a"}], "source": "e\\u0000n", "target": "de"}', "a language is named by a tag"),
    (ONE + b'"timeout": 61}', "timeout = 61"),
    (ONE + b'"glossary": [[" ", "x"]]}', "no source term"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "detail"), WRONG)
@pytest.mark.parametrize("stream", ["", "?stream=1"])
def test_a_wrong_request_is_a_problem(client: TestClient, body: bytes, detail: str, stream: str) -> None:
    found = problem(client.post(f"/v1/translate{stream}", content=body, headers=JSON), 400)
    assert detail in found["detail"]


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"options": {"beam": 1, "nbest": 2}}, "nbest = 2 is more"),
        ({"alignments": True}, "no alignments"),
        ({"options": {"unknown": "copy"}}, "no attention heads that align"),
        ({"options": {"target_prefix": "\u2603"}}, "cannot say all of it"),
    ],
)
def test_what_the_model_cannot_do_is_a_problem(client: TestClient, fields: Any, detail: str) -> None:
    found = problem(client.post("/v1/translate", json=request({"text": "a"}, **fields)), 400)
    assert detail in found["detail"]


def test_a_translation_begins_as_asked(client: TestClient) -> None:
    options = {"target_prefix": "Bako", "stop": "heuristic", "word_penalty": -0.5, "repetition_penalty": 1.2}
    options |= {"retry": False}
    answer = client.post("/v1/translate", json=request({"text": "Tire bako."}, options=options))
    assert answer.json()["results"][0]["text"].startswith("Bako")


def test_what_is_unusual_and_right(client: TestClient) -> None:
    bodies = [
        b'\xef\xbb\xbf{"items": [{"text": "a\\u0000b"}], "source": "en", "target": "de"}',
        b'{"items": [{"text": "Bako", "text": "Bako\\u2028tire"}], "target": "de", "source": "en"}',
        b'{"items": [{"text": ""}, {"html": ""}, {"xml": ""}], "source": "en", "target": "de"}',
        b'{"items": [], "source": "en", "target": "de"}',
    ]
    for body in bodies:
        answer = client.post("/v1/translate", content=body, headers=JSON)
        assert answer.status_code == 200, answer.text
        assert not [each for each in answer.json()["results"] if "error" in each]


def test_media_types(client: TestClient) -> None:
    body = json.dumps(request({"text": "a"}))
    for kind in ("application/json; charset=UTF-8", "application/vnd.x+json", "APPLICATION/JSON"):
        assert client.post("/v1/translate", content=body, headers={"content-type": kind}).status_code == 200
    for kind in ("", "text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded"):
        problem(client.post("/v1/translate", content=body, headers={"content-type": kind}), 415)


def test_methods_and_paths(client: TestClient) -> None:
    assert (
        problem(client.get("/v1/translate"), 405) and client.get("/v1/translate").headers["allow"] == "POST"
    )
    options = client.options("/v1/translate")
    assert (options.status_code, options.headers["allow"], options.content) == (204, "POST", b"")
    head = client.head("/v1/models")
    assert (head.status_code, head.content) == (200, b"")
    problem(client.get("/v1/nothing"), 404)
    problem(client.post("/v1/translate?stream=2", json=request()), 400)
    problem(client.post("/v1/translate", json=request(*[{"text": "a"}] * 9)), 413)


def test_refusals_need_no_thread(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_sync(*_: Any, **__: Any) -> Any:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr("anyio.to_thread.run_sync", run_sync)
    problem(client.get("/v1/nothing"), 404)
    problem(client.post("/v1/translate", json=request(*[{"text": "a"}] * 9)), 413)


def test_models_and_languages(client: TestClient) -> None:
    models = client.get("/v1/models").json()["models"]
    assert [(each["source"], each["target"], each["via"]) for each in models] == [
        ("de", "fr", None), ("en", "de", None), ("en", "fr", "de"),
    ]  # fmt: skip
    assert client.get("/v1/languages").json() == {
        "languages": [
            {"tag": "de", "targets": ["fr"]},
            {"tag": "en", "targets": ["de", "fr"]},
            {"tag": "fr", "targets": []},
        ]
    }


def test_a_busy_service_says_when_to_ask_again() -> None:
    models = FakeModels()
    settings = ServerSettings(max_waiting_characters=50)
    service = Service(models, settings)  # type: ignore[arg-type]
    app = create_app(service, settings)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            first = asyncio.ensure_future(client.post("/v1/translate", json=request({"text": "wait"})))
            await asyncio.to_thread(models.translators["de"].waiting.wait, 10)
            for stream in ("", "?stream=1"):
                refused = await client.post(f"/v1/translate{stream}", json=request({"text": "x" * 50}))
                assert problem(refused, 503)["code"] == "busy"
                assert 1 <= int(refused.headers["retry-after"]) <= 60
            late = await client.post("/v1/detect", json={"text": "Hello"})
            assert late.status_code in (200, 400)
            models.translators["de"].gate.set()
            assert (await first).json()["results"][0]["text"] == "WAIT"

    asyncio.run(ask())


def test_a_fault_is_a_problem_without_the_text(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "languages", property(lambda _: 1 // 0))
    found = problem(client.get("/v1/languages"), 500)
    assert "division" not in json.dumps(found)


def test_the_reference_is_a_page_that_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("reference.css", "reference.js"):
        assert f"docs/{name}" in page.text and client.get(f"/docs/{name}").status_code == 200
    assert "//" not in page.text.replace("https://", "//") or "http" not in page.text


def test_examples_of_the_reference_are_true(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert {"/v1/translate", "/v1/models", "/v1/languages", "/v1/detect"} <= document["paths"].keys()
    for operation in (operations.TRANSLATE, operations.MODELS, operations.LANGUAGES, operations.DETECT):
        for asked, answer in operation.examples.values():
            msgspec.convert(answer, operation.response)
            if operation is operations.TRANSLATE:
                found = client.post("/v1/translate", json=asked)
                assert found.status_code == 200, found.text
                results = found.json()["results"]
                for one, stated in zip(results, answer["results"], strict=True):
                    assert set(one) - {"warnings"} <= set(stated)


def test_the_reference_names_the_other_apis_that_there_are(client: TestClient) -> None:
    alone = client.get("/openapi.json").json()["info"]["description"]
    others = [Route(path, lambda _: Response()) for path in ("/v2/translate", "/spec")]
    app = create_app(Service(FakeModels(), SETTINGS), SETTINGS, routes=others)  # type: ignore[arg-type]
    beside = TestClient(app).get("/openapi.json").json()["info"]["description"]
    assert beside.startswith(alone) and "DeepL" in beside and "LibreTranslate" in beside
    assert "DeepL" not in alone


def test_every_reference_in_the_document_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(document)):
        place: Any = document
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]
        assert place["description"]

"""Request ids, metrics and the log: what they have, and that nothing of a client gets into them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from octavo.server.observation import observed
from octavo.server.operations import logs, refused
from octavo.server.operations.health import Readiness
from octavo.server.operations.metrics import APIS, METHODS, OTHER, Metrics
from octavo.server.operations.observing import Observing
from octavo.server.operations.refusals import BUSY, TOO_LARGE
from octavo.server.operations.routes import routes
from octavo.server.settings import LogFormat

from .asgi import Echo, Reply, ask

SECRET = "Bako mela tiru"


async def translated(request: Request) -> Response:
    seen = observed()
    seen.texts, seen.characters, seen.source, seen.target = 2, 30, "en", "de"
    seen.target_tokens, seen.waiting, seen.translating = 8, 0.001, 0.2
    return PlainTextResponse(await request.body())


async def failing(request: Request) -> Response:
    raise ValueError((await request.body()).decode())


def served(metrics: Metrics) -> Observing:
    inner = [
        Route("/v1/translate", translated, methods=["POST"]),
        Route("/v1/{name}/fail", failing, methods=["POST"]),
        Mount("/files", routes=[Route("/{name}", translated)]),
        *routes(Readiness(None), metrics),  # type: ignore[arg-type]
    ]
    return Observing(Starlette(routes=inner), metrics)


@contextlib.contextmanager
def logged(log_format: LogFormat, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines that are logged in the block, once it has ended."""
    lines: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            lines.extend(text.splitlines())

        def flush(self) -> None:
            pass

    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", Lines())
    try:
        logs.start_log(log_format)
        yield lines
    finally:
        logs.flush()
        root.handlers[:], root.level = before
        logs._lines = None
        monkeypatch.undo()


@pytest.mark.parametrize("stated", ["a", "7f3-A_b.c", "x" * 64])
def test_a_sane_request_id_stays(stated: str) -> None:
    reply = asyncio.run(ask(Observing(Echo(), Metrics()), headers={"x-request-id": stated}))
    assert reply.headers["x-request-id"] == stated


@pytest.mark.parametrize("stated", ["", "x" * 65, "a b", "a\nb", '"', "ä", "a;b"])
def test_another_one_is_replaced(stated: str) -> None:
    app = Observing(Echo(), Metrics())
    replies = [asyncio.run(ask(app, headers={"x-request-id": stated})) for _ in range(3)]
    made = {reply.headers["x-request-id"] for reply in replies}
    assert len(made) == 3
    assert stated not in made


def test_an_error_is_answered_and_its_message_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged("json", monkeypatch) as lines:
        reply = asyncio.run(ask(served(Metrics()), "/v1/x/fail", chunks=[SECRET.encode()]))
    assert reply.status == 500
    (line,) = map(json.loads, lines)
    assert (line["level"], line["status"], line["error"]) == ("error", 500, "ValueError")
    assert line["route"] == "/v1/{name}/fail"
    assert any(":failing" in place for place in line["at"])
    assert SECRET not in str(lines) + reply.body.decode()


def test_what_is_cancelled_is_told_to_come_back() -> None:
    async def work() -> Reply:
        echo = Echo()
        echo.go_on.clear()
        task = asyncio.create_task(ask(Observing(echo, Metrics())))
        while not echo.entered:
            await asyncio.sleep(0)
        task.cancel()
        return await task

    reply = asyncio.run(work())
    assert (reply.status, reply.headers["retry-after"], reply.headers["connection"]) == (503, "1", "close")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_says_what_was_done_and_has_no_text(
    log_format: LogFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"x-request-id": "id-1", "authorization": f"Bearer {SECRET}", "user-agent": SECRET}
    with logged(log_format, monkeypatch) as lines:
        app = served(Metrics())
        asyncio.run(ask(app, headers=headers, chunks=[SECRET.encode()]))
        asyncio.run(ask(app, f"/{SECRET}", headers=headers, chunks=[SECRET.encode()]))
        logging.getLogger("some.library").warning("about %s", SECRET)
        logging.getLogger("some.library").error("failed", exc_info=ValueError(SECRET))
    assert len(lines) == 4
    text = "\n".join(lines)
    for secret in (SECRET, "Bako", "192.0.2.7", "Bearer"):
        assert secret not in text
    if log_format == "json":
        first = json.loads(lines[0])
        assert first.pop("time").endswith("+00:00")
        assert first.pop("ms") >= 0
        assert first == {
            "level": "info",
            "event": "request",
            "request_id": "id-1",
            "method": "POST",
            "route": "/v1/translate",
            "status": 200,
            "texts": 2,
            "characters": 30,
            "target_tokens": 8,
            "pair": "en-de",
        }
        assert json.loads(lines[1])["route"] == OTHER
    else:
        assert "info request request_id=id-1 method=POST route=/v1/translate status=200 ms=" in lines[0]


def test_probes_that_succeed_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    with logged("json", monkeypatch) as lines:
        asyncio.run(ask(served(Metrics()), "/livez", method="GET"))
    assert lines == []


def test_figures_are_counted() -> None:
    metrics = Metrics()
    app = served(metrics)
    for _ in range(3):
        asyncio.run(ask(app))
    value = metrics.registry.get_sample_value
    labels = {"api": OTHER, "method": "POST", "route": "/v1/translate", "status": "200"}
    assert value("octavo_requests_total", labels) == 3
    assert value("octavo_texts_total") == 6
    assert value("octavo_characters_total") == 90
    assert value("octavo_waiting_seconds_count") == 3
    assert value("octavo_translating_seconds_sum") == pytest.approx(0.6)
    assert value("octavo_request_seconds_count", {"api": OTHER}) == 3


def test_labels_are_of_closed_sets_whatever_clients_send() -> None:
    metrics = Metrics()
    app = served(metrics)
    random.seed(7)

    async def work() -> bytes:
        for number in range(200):
            word = "".join(random.choices("abcdefgh/.%", k=12))
            path = random.choice(["/", "/v1/", "/files/", "/v1/translate", f"/v1/{word}/fail"])
            path += random.choice(["", word])
            method = random.choice(["GET", "POST", "BREW", f"X{number}"])
            await ask(app, path, method=method, chunks=[word.encode()], headers={"x-request-id": word})
        return (await ask(app, "/metrics", method="GET")).body

    known = {
        "api": set(APIS),
        "method": {*METHODS, OTHER},
        "route": {
            "/v1/translate",
            "/v1/{name}/fail",
            "/{name}",
            "/files",
            "/livez",
            "/readyz",
            "/metrics",
            OTHER,
        },
        "status": {"200", "307", "404", "405", "500", "503"},
        "reason": {BUSY.name},
    }
    for family in text_string_to_metric_families(asyncio.run(work()).decode()):
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label == "le" or value in known[label], sample


def test_each_service_has_figures_of_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.turned_away()
    labels = {"reason": "busy"}
    assert one.registry.get_sample_value("octavo_refused_total", labels) == 1
    assert other.registry.get_sample_value("octavo_refused_total", labels) == 0


def test_refusals_are_logged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        monkeypatch.setattr(refused, "_SECONDS", 0.0)
        metrics = Metrics()
        counted = refused.Refused(metrics)
        for _ in range(3):
            counted.note_at_the_door()
        counted.note(TOO_LARGE)
        await asyncio.sleep(0.01)
        counted.note(TOO_LARGE)
        await asyncio.sleep(0.01)
        assert metrics.registry.get_sample_value("octavo_refused_total", {"reason": "busy"}) == 3

    with logged("json", monkeypatch) as lines:
        asyncio.run(work())
    told = [json.loads(line)["requests"] for line in lines]
    assert told == [["busy:3", "body_too_large:1"], ["body_too_large:1"]]


def test_figures_come_in_the_form_that_is_asked_for() -> None:
    app = served(Metrics())
    for accept, media_type in (
        ("", "text/plain"),
        ("application/openmetrics-text", "application/openmetrics"),
    ):
        reply = asyncio.run(ask(app, "/metrics", method="GET", headers={"accept": accept}))
        assert reply.headers["content-type"].startswith(media_type)
        assert b"octavo_start_time_seconds" in reply.body


def test_errors_that_nobody_catches_are_logged_without_their_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(logs.report_loop_error)

        def fail() -> Any:
            raise KeyError(SECRET)

        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with logged("json", monkeypatch) as lines:
        asyncio.run(work())
    (line,) = map(json.loads, lines)
    assert (line["event"], line["error"]) == ("uncaught", "KeyError")
    assert SECRET not in str(lines)

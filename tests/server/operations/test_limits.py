"""What is let in: the size of bodies and the number of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from octavo.server.observation import observed
from octavo.server.operations.gate import Gate
from octavo.server.operations.limits import Limits
from octavo.server.operations.metrics import Metrics
from octavo.server.operations.observing import Observing
from octavo.server.operations.refused import Refused

from .asgi import Echo, Reply, ask


class Served:
    """An echo behind limits."""

    def __init__(self, *, requests: int = 2, of_a_key: int = 1, held: int = 1000) -> None:
        self.gate = Gate(requests, of_a_key, held)
        self.metrics = Metrics()
        self.echo = Echo()
        limits = Limits(self.echo, self.gate, Refused(self.metrics), max_body_bytes=10, max_document_bytes=20)
        self.app = Observing(limits, self.metrics)

    def refused(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value("octavo_refused_total", {"reason": reason}) or 0.0


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(within())


@pytest.mark.parametrize("chunks", [[b"0123456789"], [b"01234", b"", b"56789"], [b""]])
def test_a_body_comes_whole(chunks: list[bytes]) -> None:
    async def work() -> Reply:
        served = Served()
        reply = await ask(served.app, chunks=chunks)
        assert served.gate.bytes_held == served.gate.under_way == 0
        return reply

    reply = run(work())
    assert (reply.status, reply.body) == (200, b"".join(chunks))


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        ({"content-length": "11"}, [b""]),
        ({"content-length": "11"}, [b"0123456789", b"x"]),
        ({}, [b"0123456789", b"x"]),
        ({"transfer-encoding": "chunked"}, [b"0" * 8] * 5),
        ({"content-length": "2"}, [b"0" * 11]),
    ],
)
def test_a_body_that_is_too_large_is_refused_before_the_app(
    headers: dict[str, str], chunks: list[bytes]
) -> None:
    async def work() -> None:
        served = Served()
        reply = await ask(served.app, headers=headers, chunks=chunks)
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert reply.json()["title"] in ("Content Too Large", "Request Entity Too Large")
        assert served.echo.entered == served.gate.bytes_held == 0
        assert served.refused("body_too_large") == 1

    run(work())


def test_documents_have_a_limit_of_their_own() -> None:
    async def work() -> None:
        served = Served()
        for path in ("/v2/document", "/translate_file"):
            assert (await ask(served.app, path, chunks=[b"0" * 20])).status == 200
            assert (await ask(served.app, path, chunks=[b"0" * 21])).status == 413
        assert (await ask(served.app, "/v2/translate", chunks=[b"0" * 20])).status == 413

    run(work())


@pytest.mark.parametrize("length", ["x", "-1", "1" * 19, "1, 1", ""])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    async def work() -> None:
        assert (await ask(Served().app, headers={"content-length": length})).status == 400

    run(work())


def test_too_many_requests_are_told_to_come_back() -> None:
    async def work() -> None:
        served = Served(requests=2)
        served.echo.go_on.clear()
        under_way = [asyncio.create_task(ask(served.app)) for _ in range(2)]
        while served.gate.under_way < 2:
            await asyncio.sleep(0)
        reply = await ask(served.app)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert {"message", "error", "detail"} <= reply.json().keys()
        served.echo.go_on.set()
        assert [reply.status for reply in await asyncio.gather(*under_way)] == [200, 200]
        assert (await ask(served.app)).status == 200
        assert served.refused("busy") == 1
        assert served.gate.under_way == 0

    run(work())


def test_health_is_answered_however_busy_it_is() -> None:
    async def work() -> None:
        served = Served(requests=0)
        assert (await ask(served.app)).status == 503
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await ask(served.app, path, method="GET")).status == 200

    run(work())


def test_one_key_has_a_share() -> None:
    async def named(scope: Any, receive: Any, send: Any) -> None:
        observed().key_name = dict(scope["headers"]).get(b"x-name", b"").decode() or None
        await served.limits(scope, receive, send)

    served = Served(requests=5, of_a_key=1)
    served.limits = Limits(  # type: ignore[attr-defined]
        served.echo, served.gate, Refused(served.metrics), max_body_bytes=10, max_document_bytes=10
    )
    app = Observing(named, served.metrics)

    async def work() -> None:
        served.echo.go_on.clear()
        first = asyncio.create_task(ask(app, headers={"x-name": "alice"}))
        other = asyncio.create_task(ask(app, headers={"x-name": "bob"}))
        while served.gate.under_way < 2:
            await asyncio.sleep(0)
        reply = await ask(app, headers={"x-name": "alice"})
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
        served.echo.go_on.set()
        assert [(await task).status for task in (first, other)] == [200, 200]
        assert (await ask(app, headers={"x-name": "alice"})).status == 200

    run(work())


def test_all_bodies_together_have_a_limit() -> None:
    async def work() -> None:
        served = Served(requests=9, held=15)
        served.echo.go_on.clear()
        first = asyncio.create_task(ask(served.app, chunks=[b"0" * 10]))
        while served.gate.bytes_held < 10:
            await asyncio.sleep(0)
        assert (await ask(served.app, chunks=[b"0" * 6])).status == 503
        served.echo.go_on.set()
        assert (await first).status == 200
        assert (await ask(served.app, chunks=[b"0" * 6])).status == 200
        assert served.gate.bytes_held == 0

    run(work())


def test_a_client_that_leaves_is_forgotten() -> None:
    async def work() -> None:
        served = Served()
        reply = await ask(served.app, chunks=[b"half"], leaves=True)
        assert reply.status == served.echo.entered == served.gate.bytes_held == 0

    run(work())


def test_only_whole_requests_take_a_place() -> None:
    """Clients that send slowly do not keep others out."""

    async def work() -> None:
        served = Served(requests=1)
        waiting = asyncio.Event()

        async def slow() -> dict[str, Any]:
            waiting.set()
            await asyncio.Event().wait()
            raise AssertionError

        scope = {"type": "http", "method": "POST", "path": "/v1/translate", "headers": []}
        sending = asyncio.create_task(served.app(scope, slow, None))  # type: ignore[arg-type]
        await waiting.wait()
        assert (await ask(served.app)).status == 200
        sending.cancel()

    run(work())

"""A client that goes away is not worked for: over a socket, before and in the middle of an answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
import uvicorn

from octavo.server.app import create_app
from octavo.server.presence import CancelWhenGone
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from .page.fake_models import FakeModels


def request(path: str, *texts: str) -> bytes:
    body = json.dumps({"items": [{"text": text} for text in texts], "source": "en", "target": "de"}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def serve(app: Any, use: Callable[[str, int], Any]) -> None:
    """Run ``use`` in a thread while the app listens on a free port of this machine."""

    async def run() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.ensure_future(server.serve([listening]))
        try:
            await asyncio.to_thread(use, *listening.getsockname())
        finally:
            server.should_exit = True
            await serving

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/v1/translate", ["wait"]),
        ("/v1/translate?stream=1", ["wait"]),
        ("/v1/translate?stream=1", ["a", "wait"]),
    ],
)
def test_work_ends_when_its_client_goes(path: str, texts: list[str]) -> None:
    models = FakeModels()
    service = Service(models, ServerSettings())  # type: ignore[arg-type]
    translator = models.translators["de"]

    def leave(host: str, port: int) -> None:
        with socket.create_connection((host, port)) as client:
            client.sendall(request(path, *texts))
            assert translator.waiting.wait(10)
            if len(texts) > 1:
                while b"A" not in client.recv(4096):
                    pass
        assert translator.given_up.wait(10)

    serve(create_app(service, ServerSettings()), leave)


def test_a_client_that_stays_has_its_answer() -> None:
    models = FakeModels()
    service = Service(models, ServerSettings())  # type: ignore[arg-type]

    def stay(host: str, port: int) -> None:
        with socket.create_connection((host, port)) as client:
            for _ in range(2):  # on one connection
                client.sendall(request("/v1/translate", "Bako"))
                answer = b""
                while b"BAKO" not in answer:
                    answer += client.recv(4096)

    serve(create_app(service, ServerSettings()), stay)


def test_what_the_app_raises_is_raised() -> None:
    async def fail(*_: Any) -> None:
        raise ValueError("no")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    with pytest.raises(ValueError, match="no"):
        asyncio.run(CancelWhenGone(fail)({"type": "http"}, receive, send))


def test_an_app_hears_that_its_client_has_gone() -> None:
    heard: list[str] = []
    messages = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}]

    async def app(_: Any, receive: Any, send: Any) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    asyncio.run(CancelWhenGone(app)({"type": "http"}, receive, send))
    assert heard == ["http.request", "http.disconnect"]

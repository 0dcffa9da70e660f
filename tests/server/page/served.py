"""The service with a page, on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from octavo.server import page
from octavo.server.api.compatible import compatible_routes
from octavo.server.app import create_app
from octavo.server.model_pool import ModelPool
from octavo.server.operations.authentication import Authentication
from octavo.server.operations.keys import KeyFile
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

SETTINGS = ServerSettings(max_text_characters=2000, max_document_bytes=1 << 20)


class _Server(uvicorn.Server):
    """One whose address is known as soon as it listens."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
        self.listening = threading.Event()

    async def startup(self, sockets: object = None) -> None:
        await super().startup(None)
        self.listening.set()

    @property
    def port(self) -> int:
        number: int = self.servers[0].sockets[0].getsockname()[1]
        return number


@contextmanager
def served(models: ModelPool, prefix: str, keys: Path | None = None) -> Iterator[str]:
    """The address of the page while the service runs, in a thread; ``keys`` is a file of API keys."""
    service = Service(models, SETTINGS)
    with compatible_routes(service, SETTINGS) as others:
        app: ASGIApp = create_app(service, SETTINGS, routes=[*page.routes(SETTINGS), *others])
        if keys is not None:
            app = Authentication(app, KeyFile(keys))
        with _running(Starlette(routes=[Mount(prefix, app)]) if prefix else app) as port:
            yield f"http://127.0.0.1:{port}{prefix}/"


@contextmanager
def _running(app: ASGIApp) -> Iterator[int]:
    server = _Server(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(20)
        yield server.port
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(20)

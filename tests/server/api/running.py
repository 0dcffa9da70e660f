"""Services behind real sockets of this machine, for clients that need one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from octavo.server.api.compatible import compatible_routes
from octavo.server.app import create_app
from octavo.server.glossary_store import GlossaryStore
from octavo.server.model_pool import ModelPool
from octavo.server.service import Service
from octavo.server.settings import ServerSettings


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """The app on a free port of this machine, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, loop="asyncio", log_config=None, timeout_graceful_shutdown=5)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def served(
    pool: ModelPool,
    settings: ServerSettings | None = None,
    state: Path | None = None,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> Iterator[str]:
    """The address of a service."""
    settings = settings or ServerSettings(grace=5)
    glossaries = GlossaryStore(state)
    service = Service(pool, settings, glossaries)
    with (
        compatible_routes(service, settings) as routes,
        listening(around(create_app(service, settings, routes=routes))) as address,
    ):
        yield address
    glossaries.close()

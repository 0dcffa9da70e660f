"""Runs a service in this process: one event loop, one socket, and what operations put around the app."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from octavo.errors import OctavoError
from octavo.server.app import create_app
from octavo.server.operations import logs
from octavo.server.operations.authentication import OPEN_PATHS, Authentication
from octavo.server.operations.connections import ConnectionLimits, LimitedConnection
from octavo.server.operations.drain import DrainingServer
from octavo.server.operations.gate import Gate
from octavo.server.operations.health import Readiness
from octavo.server.operations.keys import KeyFile
from octavo.server.operations.limits import Limits
from octavo.server.operations.listening import listening_socket, open_files_for_connections
from octavo.server.operations.metrics import Metrics
from octavo.server.operations.model_figures import ModelFigures
from octavo.server.operations.observing import Observing
from octavo.server.operations.refused import Refused
from octavo.server.operations.routes import routes as operations_routes
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

_BACKLOG: Final = 4096
_SWITCH_INTERVAL: Final = 0.001
"""After so many seconds a thread that runs Python code makes way for the event loop; usually 0.005."""


class Runner:
    """A service as a program: what ``octavo serve`` runs. ``routes`` are those of further APIs.

    ``reload_models`` is called, in a thread, on SIGHUP. Raises OctavoError or OSError for a file of keys that
    is wrong, or an address that cannot be listened on.
    """

    def __init__(
        self,
        service: Service,
        settings: ServerSettings,
        *,
        routes: Sequence[BaseRoute] = (),
        reload_models: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._settings = settings
        self._reload_models = reload_models
        self._keys = KeyFile(settings.keys_file) if settings.keys_file is not None else None
        self._socket, self.address = listening_socket(settings)
        self._readiness = Readiness(service)
        self._metrics = Metrics()
        self._refused = Refused(self._metrics)
        self._gate = Gate(settings.max_requests, settings.max_requests_per_key, settings.max_bytes_held)
        self._metrics.registry.register(ModelFigures(service.models))
        self._metrics.gauge(
            "octavo_requests_under_way", "Requests that are being worked on.", lambda: self._gate.under_way
        )
        all_routes = [*operations_routes(self._readiness, self._metrics), *routes]
        self.app = self._guarded(create_app(service, settings, routes=all_routes))
        self._reloading: asyncio.Task[None] | None = None
        self._reload_again = False

    def run(self) -> None:
        """Serve until a signal ends it."""
        logs.start_log(self._settings.log_format)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        server = DrainingServer(
            self._configuration(),
            limits=self._connection_limits,
            gate=self._gate,
            readiness=self._readiness,
            grace=self._settings.grace,
            drain=self._service.drain,
            reload=self._reload,
            ready=self._get_ready,
        )
        try:
            with _no_wakeup():
                server.run(sockets=[self._socket])
        finally:
            self.close()
            logs.flush()

    def close(self) -> None:
        """Give the address back. ``run`` does so at its end."""
        self._socket.close()
        if self._settings.unix_socket is not None:
            self._settings.unix_socket.unlink(missing_ok=True)

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        """The app with all that stands before it, the outermost last."""
        settings = self._settings
        app = Limits(
            app,
            self._gate,
            self._refused,
            max_body_bytes=settings.max_body_bytes,
            max_document_bytes=settings.max_document_bytes,
        )
        if self._keys is not None:
            metrics = {"/metrics"} if settings.public_metrics else set()
            app = Authentication(app, self._keys, open_paths=OPEN_PATHS | metrics)
        if settings.allowed_origins:
            app = CORSMiddleware(
                app,
                allow_origins=settings.allowed_origins,
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["authorization", "content-type", "x-request-id"],
                expose_headers=["retry-after", "x-request-id"],
            )
        return Observing(app, self._metrics)

    def _configuration(self) -> uvicorn.Config:
        settings = self._settings
        most = open_files_for_connections()
        self._connection_limits = ConnectionLimits(
            max_connections=min(settings.max_connections or most, most),
            head_timeout=settings.head_timeout,
            body_timeout=settings.body_timeout,
            write_timeout=settings.write_timeout,
            gate=self._gate,
            refused=self._refused,
        )
        connection = type("Connection", (LimitedConnection,), {"limits": self._connection_limits})
        return uvicorn.Config(
            self.app,
            http=connection,
            loop="uvloop",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]
        )

    async def _get_ready(self) -> None:
        logs.event("listening", address=self.address)
        if self._keys is None and self._settings.host not in ("127.0.0.1", "::1", "localhost"):
            logs.event("open_to_all", level=logging.WARNING, hint="--keys FILE lets in only who has a key")
        obstacle = await self._readiness.wait_until_loaded()
        if obstacle is None:
            logs.event("ready", address=self.address, pairs=self._service.languages.in_brief())
        else:
            logs.event("not_ready", level=logging.ERROR, reason=obstacle)

    def _reload(self) -> None:
        """Start reading models and keys, or see to it that they are read once more after that."""
        self._reload_again = True
        if self._reloading is None:
            self._reloading = asyncio.ensure_future(self._reload_while_asked())

    async def _reload_while_asked(self) -> None:
        while self._reload_again:
            self._reload_again = False
            await asyncio.to_thread(self._reload_all)
        self._reloading = None

    def _reload_all(self) -> None:
        for what, reload in (("models", self._reload_models), ("keys", self._reload_keys)):
            try:
                reload()
            except (OctavoError, OSError) as error:
                logs.event(f"{what}_not_reloaded", level=logging.ERROR, reason=str(error))
            else:
                logs.event(f"{what}_reloaded")

    def _reload_keys(self) -> None:
        if self._keys is not None:
            self._keys.reload()


@contextmanager
def _no_wakeup() -> Iterator[None]:
    """Leave the descriptor that signals write to for the event loop."""
    before = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)

"""The outermost layer: gives each request its id, and logs and counts it when it has been answered."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octavo.server.observation import Observation, observe
from octavo.server.operations import logs
from octavo.server.operations.metrics import METHODS, OTHER, Metrics
from octavo.server.operations.refusals import BUSY, CUT_OFF, FAILED

QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that machines ask for every few seconds: always answered, and logged only where they fail."""

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SERVER_ERROR: Final = 500
_CLIENT_LEFT: Final = 499


class Observing:
    """An ASGI application around another one.

    A request has the id that its X-Request-ID states, where that is up to 64 letters, digits, dots, hyphens
    and underscores, else a new one; the answer has it in the same header. What the inner application raises
    is answered with 500, and ends an answer that has begun; where its task is cancelled because the service
    stops, it is answered with 503.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Observation(request_id=request_id(scope["headers"]), method=scope["method"])
        observe(seen)
        id_header = (b"x-request-id", seen.request_id.encode())

        async def send_and_see(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), id_header]}
            await send(message)

        raised: BaseException | None = None
        try:
            await self._app(scope, receive, send_and_see)
        except asyncio.CancelledError as error:
            seen.error = type(error).__name__
            if not seen.status:
                await CUT_OFF.send(send_and_see)
        except Exception as error:  # noqa: BLE001 - the outermost frame: log, never a bare traceback
            raised = error
            seen.error = type(error).__name__
            if not seen.status:
                await FAILED.send(send_and_see)
        self._note(scope, seen, raised)

    def _note(self, scope: Scope, seen: Observation, raised: BaseException | None) -> None:
        seconds = time.perf_counter() - seen.begun
        seen.status = seen.status or _CLIENT_LEFT
        seen.method = seen.method if seen.method in METHODS else OTHER
        seen.route = getattr(scope.get("route"), "path", "") or OTHER
        self._metrics.request_ended(seen, _api(scope), seconds)
        quiet = scope["path"] in QUIET and seen.status < _SERVER_ERROR
        if not quiet and seen.error != BUSY.name:
            logs.request_ended(seen, seconds, raised)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that a request states, where it is a sane one, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode("ascii")
    return f"{random.getrandbits(64):016x}"


def _api(scope: Scope) -> str:
    """Whose route it was: the folder of ``octavo.server`` or ``octavo.server.api`` that its code is in."""
    module = getattr(scope.get("endpoint"), "__module__", "")
    return module.removeprefix("octavo.server.").removeprefix("api.").partition(".")[0]

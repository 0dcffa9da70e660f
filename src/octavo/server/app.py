"""The app: the routes of all APIs, and what every answer of theirs has in common."""

from __future__ import annotations

import contextlib
import http
import logging
from collections.abc import AsyncIterator, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octavo.server import reference
from octavo.server.api import octavo
from octavo.server.errors import InternalError, ServiceError
from octavo.server.failures import log_failure
from octavo.server.observation import observe, observed
from octavo.server.openapi import openapi_route
from octavo.server.presence import CancelWhenGone
from octavo.server.problems import Problem, problem_of, problem_response
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

_log = logging.getLogger(__name__)


def create_app(
    service: Service,
    settings: ServerSettings,
    *,
    routes: Sequence[BaseRoute] = (),
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """The ASGI app of a service: our own API, and ``routes`` of others beside it.

    Those whose endpoints are described are in /openapi.json, which /docs shows. ``middleware`` goes around
    all of it, the outermost first. At its end the app drains the service.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await service.drain(settings.grace)

    all_routes = [*octavo.routes(service, settings), *routes]
    return Starlette(
        routes=[*all_routes, openapi_route(all_routes), *reference.routes()],
        middleware=[*middleware, Middleware(AnswerFailures), Middleware(CancelWhenGone)],
        exception_handlers={HTTPException: _http_error, ServiceError: _service_error},
        lifespan=lifespan,
    )


class AnswerFailures:
    """An ASGI app that answers what nothing else has caught with a problem, and logs it without any text of
    the client. Once an answer has begun, it can only be cut off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI says."""
        observe(observed())  # one that every part of the app sees, also where nobody observes
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log_failure(_log, f"{scope['method']} of a request", error)
            if not started:
                await problem_response(problem_of(InternalError()))(scope, receive, send)


# Both are async, because Starlette would hand what is not to a thread: a refusal has to be quick.
async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=error.headers)
    title = http.HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "-")
    detail = error.detail if error.detail != title else ""
    return problem_response(Problem(error.status_code, title, code, detail), error.headers)


async def _service_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's form
    if not isinstance(error, ServiceError):
        raise error
    observed().error = type(error).__name__
    return problem_response(problem_of(error))

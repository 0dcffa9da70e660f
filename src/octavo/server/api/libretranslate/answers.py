"""Answers in LibreTranslate's form: JSON, and errors as ``{"error": ...}``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    InternalError,
    QuotaError,
    ServiceError,
    UnknownResourceError,
)

Handler = Callable[[Request], Awaitable[Response]]

_STATUS: Final[tuple[tuple[type[ServiceError], int], ...]] = (
    (UnknownResourceError, 404),
    (QuotaError, 403),
    (BusyError, 503),
    (DeadlinePassedError, 504),
    (InternalError, 500),
    (ServiceError, 400),
)
"""A text that is too long is 400 here, as everything that is wrong with a request."""


def answer(content: Any, status: int = 200) -> Response:
    """JSON with ``content``."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refused(why: str, status: int) -> Response:
    """An error."""
    return answer({"error": why}, status)


def answering(handler: Handler) -> Handler:
    """The handler, with what the service refuses as an answer that LibreTranslate's clients understand."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except ServiceError as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            response = refused(str(error), status)
            if isinstance(error, BusyError):
                response.headers["Retry-After"] = str(error.retry_after)
            return response

    return endpoint

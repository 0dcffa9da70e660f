"""Answers in DeepL's form: JSON, and errors with the status that DeepL's clients know."""

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
    TooLargeError,
    UnknownResourceError,
)
from octavo.server.observation import observed

Handler = Callable[[Request], Awaitable[Response]]

QUOTA_EXCEEDED: Final = 456
"""DeepL's own status."""

_STATUS: Final[tuple[tuple[type[ServiceError], int], ...]] = (
    (TooLargeError, 413),
    (UnknownResourceError, 404),
    (QuotaError, QUOTA_EXCEEDED),
    (BusyError, 503),
    (DeadlinePassedError, 504),
    (InternalError, 500),
    (ServiceError, 400),
)


def answer(content: Any, status: int = 200) -> Response:
    """JSON with ``content``."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def answering(handler: Handler) -> Handler:
    """The handler, with what the service refuses as an answer that DeepL's clients understand."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except ServiceError as error:
            return failure(error)

    return endpoint


def failure(error: ServiceError) -> Response:
    """Its status, and its words as ``message``."""
    observed().error = type(error).__name__
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    response = answer({"message": str(error)}, status)
    if isinstance(error, BusyError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response

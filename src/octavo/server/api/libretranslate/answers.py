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
from octavo.server.observation import observed
from octavo.server.operations.authentication import body_key_refusal
from octavo.server.operations.refusals import Refusal

KEY: Final = "api_key"
"""The field that clients send a key in."""

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


class KeyRefusedError(ServiceError):
    """The request has no key that this service knows."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.name)
        self.refusal = refusal


def check_key(request: Request, fields: dict[str, Any]) -> None:
    """Raises KeyRefusedError where the service needs a key, and neither a header nor ``fields`` has it."""
    key = fields.get(KEY)
    refusal = body_key_refusal(request.scope, key if isinstance(key, str) else None)
    if refusal is not None:
        raise KeyRefusedError(refusal)


def answering(handler: Handler) -> Handler:
    """The handler, with what the service refuses as an answer that LibreTranslate's clients understand."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyRefusedError as error:
            return error.refusal.response()
        except ServiceError as error:
            observed().error = type(error).__name__
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            response = refused(str(error), status)
            if isinstance(error, BusyError):
                response.headers["Retry-After"] = str(error.retry_after)
            return response

    return endpoint

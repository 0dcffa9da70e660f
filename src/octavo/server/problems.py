"""Errors as clients of our own API read them: RFC 9457 problem details."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response

from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    DrainingError,
    FieldError,
    InternalError,
    QuotaError,
    RequestError,
    ServiceError,
    TooLargeError,
    UnknownResourceError,
    UnsupportedPairError,
)
from octavo.server.observation import observed

MEDIA_TYPE: Final = "application/problem+json"

_KINDS: Final[tuple[tuple[type[ServiceError], int, str, str], ...]] = (
    (UnsupportedPairError, 400, "unsupported-pair", "No model for these languages"),
    (TooLargeError, 413, "too-large", "Too large"),
    (UnknownResourceError, 404, "not-found", "Not found"),
    (QuotaError, 403, "quota", "Nothing left"),
    (DrainingError, 503, "stopping", "The service is about to stop"),
    (BusyError, 503, "busy", "The service is busy"),
    (DeadlinePassedError, 504, "deadline", "The time is over"),
    (InternalError, 500, "internal", "The service failed"),
    (RequestError, 400, "invalid-request", "The request is not valid"),
    (ServiceError, 400, "refused", "The request was refused"),
)


class Problem(msgspec.Struct, omit_defaults=True):
    """Why a request, or one item of it, has no result. ``code`` is for programs, ``detail`` for people.
    ``field`` is the place of a wrong value, such as ``$.options.beam``."""

    status: int
    title: str
    code: str
    detail: str = ""
    field: str | None = None
    retry_after: int | None = None
    request_id: str | None = None
    type: str = "about:blank"


def problem_of(error: ServiceError) -> Problem:
    """The problem that a client is told of."""
    for kind, status, code, title in _KINDS:
        if isinstance(error, kind):
            field = error.field if isinstance(error, FieldError) else None
            after = error.retry_after if isinstance(error, BusyError) else None
            return Problem(status, title, code, str(error), field, after)
    raise TypeError(f"{type(error).__name__} is no ServiceError")


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer; with the id of the request, by which the log can be searched."""
    identified = msgspec.structs.replace(problem, request_id=request_id())
    sent = dict(headers or {})
    if problem.retry_after is not None:
        sent["Retry-After"] = str(problem.retry_after)
    return Response(msgspec.json.encode(identified), problem.status, sent, MEDIA_TYPE)


def request_id() -> str:
    """That of the request under way; a new one where nothing gave it one."""
    known = observed()
    known.request_id = known.request_id or uuid.uuid4().hex
    return known.request_id

"""What clients of other services' APIs are told of each error."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
from starlette.requests import Request
from starlette.responses import Response

from octavo.server import errors
from octavo.server.api import deepl, libretranslate

ERRORS = [
    (errors.RequestError("why"), 400, 400),
    (errors.FieldError("why", "$.a"), 400, 400),
    (errors.UnsupportedPairError("why"), 400, 400),
    (errors.UnknownResourceError("why"), 404, 404),
    (errors.TooLargeError("why"), 413, 400),
    (errors.QuotaError("why"), 456, 403),
    (errors.BusyError("why", 7), 503, 503),
    (errors.DrainingError("why", 7), 503, 503),
    (errors.UnavailableError("why", 7), 503, 503),
    (errors.DeadlinePassedError(), 504, 504),
    (errors.InternalError(), 500, 500),
]


@pytest.mark.parametrize(
    ("error", "of_deepl", "of_libretranslate"), ERRORS, ids=lambda value: str(value)[:20]
)
def test_errors(error: errors.ServiceError, of_deepl: int, of_libretranslate: int) -> None:
    async def fail(request: Request) -> Response:
        raise error

    for api, status, field in ((deepl, of_deepl, "message"), (libretranslate, of_libretranslate, "error")):
        answer = asyncio.run(api.answers.answering(fail)(Request({"type": "http"})))
        assert answer.status_code == status
        assert json.loads(answer.body) == {field: str(error)}
        assert answer.headers.get("retry-after") == ("7" if isinstance(error, errors.BusyError) else None)


def test_no_error_is_left_out() -> None:
    def kinds(kind: type[errors.ServiceError]) -> set[type[errors.ServiceError]]:
        return {kind}.union(*map(kinds, kind.__subclasses__()))

    of_clients = {kind for kind in kinds(errors.ServiceError) if kind.__module__ == errors.__name__}
    assert of_clients == {errors.ServiceError, *(type(error) for error, _, _ in ERRORS)}

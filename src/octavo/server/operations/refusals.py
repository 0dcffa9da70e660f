"""Answers to requests that are refused before anything of them is read: their bytes are made beforehand.

The body is an RFC 9457 problem. It has the members that clients of DeepL ("message") and LibreTranslate
("error") look for as well, since it is refused before it is known whose request it is.
"""

from __future__ import annotations

import dataclasses
import functools
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Message, Send


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An answer that is always the same. ``closes``: the connection ends with it. ``name`` is for the log
    and the metrics."""

    name: str
    status: int
    start: Message
    body: Message
    closes: bool

    async def send(self, send: Send) -> None:
        """Answer with it."""
        await send(self.start)
        await send(self.body)

    def response(self) -> Response:
        """The answer for what handles a request."""
        headers = {name.decode(): value.decode() for name, value in self.start["headers"]}
        return Response(self.body["body"], self.status, headers)

    def as_http(self, *lines: bytes) -> bytes:
        """The whole answer as HTTP/1.1, with these further headers."""
        return b"\r\n".join([self._head, *lines, b"", self.body["body"]])

    @functools.cached_property
    def _head(self) -> bytes:
        phrase = HTTPStatus(self.status).phrase.encode()
        headers = [name + b": " + value for name, value in self.start["headers"]]
        return b"\r\n".join([b"HTTP/1.1 %d %s" % (self.status, phrase), *headers])


def refusal(
    name: str, status: int, code: str, detail: str, *headers: tuple[str, str], closes: bool = False
) -> Refusal:
    """A refusal with these words; ``code`` is for programs, as in other problems. ``headers`` come beside
    those of every answer."""
    content = msgspec.json.encode(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
            "message": detail,
            "error": detail,
        }
    )
    all_headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *((key.encode(), value.encode()) for key, value in headers),
    ]
    if closes:
        all_headers.append((b"connection", b"close"))
    start = {"type": "http.response.start", "status": status, "headers": all_headers}
    body = {"type": "http.response.body", "body": content, "more_body": False}
    return Refusal(name, status, start, body, closes)


_SOON: Final = ("retry-after", "1")

BUSY: Final = refusal(
    "busy", 503, "busy", "the service has as much to do as it takes on; try again later", _SOON
)
DRAINING: Final = refusal("draining", 503, "stopping", "the service is about to stop", _SOON, closes=True)
CUT_OFF: Final = refusal(
    "cut_off",
    503,
    "stopping",
    "the service stops, and had no time to end this; ask again",
    _SOON,
    closes=True,
)
TOO_MANY: Final = refusal(
    "too_many_of_a_key",
    429,
    "too-many-requests",
    "too many requests of this API key are under way; wait for their answers",
    _SOON,
)
NO_KEY: Final = refusal(
    "no_key",
    401,
    "no-key",
    "this service needs an API key: Authorization: Bearer KEY, or Authorization: DeepL-Auth-Key KEY",
    ("www-authenticate", "Bearer"),
)
WRONG_KEY: Final = refusal("wrong_key", 403, "wrong-key", "this API key is not known here")
TOO_LARGE: Final = refusal(
    "body_too_large", 413, "too-large", "the request is larger than this service takes", closes=True
)
WRONG_LENGTH: Final = refusal(
    "wrong_length", 400, "invalid-request", "Content-Length is not a number of bytes", closes=True
)
HEAD_TOO_LARGE: Final = refusal(
    "head_too_large", 431, "head-too-large", "the headers are larger than this service takes", closes=True
)
TOO_SLOW: Final = refusal("too_slow", 408, "too-slow", "the request did not come in time", closes=True)
FAILED: Final = refusal("internal_error", 500, "internal", "the service failed; its log says more")

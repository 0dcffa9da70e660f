"""What is let in: the number of requests and the size of bodies, decided before anything is parsed."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octavo.server.observation import observed
from octavo.server.operations.gate import Gate
from octavo.server.operations.observing import QUIET
from octavo.server.operations.refusals import BUSY, TOO_LARGE, WRONG_LENGTH, Refusal
from octavo.server.operations.refused import Refused

DOCUMENT_PATHS: Final = frozenset({"/v2/document", "/translate_file"})
"""Paths that documents are uploaded to."""

_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 64 << 20
_DIGITS: Final = 18


class Limits:
    """An ASGI application around another one, which gets each request with its whole body at once.

    A request that is too many is refused as soon as its headers are there, or, since only whole ones count,
    when its body is; one with too large a body as soon as that is known. Paths in QUIET always go through.
    ``max_body_bytes`` holds for all but DOCUMENT_PATHS, for which ``max_document_bytes`` does.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        refused: Refused,
        *,
        max_body_bytes: int,
        max_document_bytes: int,
    ) -> None:
        self._app = app
        self._gate = gate
        self._refused = refused
        self._max_body_bytes = max_body_bytes
        self._max_document_bytes = max(max_body_bytes, max_document_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        key_name = observed().key_name
        limit = self._max_document_bytes if scope["path"] in DOCUMENT_PATHS else self._max_body_bytes
        refusal = self._gate.obstacle(key_name) or _wrong_length(scope, limit)
        if refusal:
            await self._refuse(refusal, receive, send)
            return
        body = _Body(receive, self._gate, limit)
        try:
            if (refusal := await body.read()) or (body.whole and (refusal := self._gate.obstacle(key_name))):
                await self._refuse(refusal, receive, send, linger=not body.ended)
            elif body.whole:
                self._gate.enter(key_name)
                try:
                    await self._app(scope, body.receive, send)
                finally:
                    self._gate.leave(key_name)
        finally:
            body.let_go()

    async def _refuse(self, refusal: Refusal, receive: Receive, send: Send, *, linger: bool = True) -> None:
        self._refused.note(refusal)
        observed().error = refusal.name
        if refusal.closes and linger:
            await _refuse_and_linger(refusal, receive, send)
        else:
            await refusal.send(send)


class _Body:
    """The body of a request, which counts in the gate while it is held."""

    def __init__(self, receive: Receive, gate: Gate, limit: int) -> None:
        self._receive = receive
        self._gate = gate
        self._limit = limit
        self._held = 0
        self._chunks: list[bytes] = []
        self.ended = False
        """Whether the client has sent all of it, or has left."""
        self.whole = False

    async def read(self) -> Refusal | None:
        """Read it. Returns why that was given up; where the client has left, ``whole`` stays False."""
        while not self.whole:
            message = await self._receive()
            self.ended = not message.get("more_body", False)
            if message["type"] != "http.request":
                return None
            chunk = message.get("body", b"")
            if self._held + len(chunk) > self._limit:
                return TOO_LARGE
            if self._gate.bytes_held + len(chunk) > self._gate.max_bytes:
                return BUSY
            self._held += len(chunk)
            self._gate.bytes_held += len(chunk)
            self._chunks.append(chunk)
            self.whole = self.ended
        return None

    async def receive(self) -> Message:
        """For the inner application: the whole body first, then what comes after it."""
        if self.whole:
            self.whole = False
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks = []
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()

    def let_go(self) -> None:
        """It is held no more."""
        self._gate.bytes_held -= self._held
        self._held = 0


def _wrong_length(scope: Scope, limit: int) -> Refusal | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit() or len(value) > _DIGITS:
                return WRONG_LENGTH
            return TOO_LARGE if int(value) > limit else None
    return None


async def _refuse_and_linger(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Send the answer, take in some of what the client still sends, then close.

    A connection that is closed with bytes unread is reset, and the client may lose the answer.
    """
    await send(refusal.start)
    await send({**refusal.body, "more_body": True})
    taken = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while taken < _LINGER_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})

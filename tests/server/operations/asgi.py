"""Requests to an ASGI application in this process, and an application that says what it got."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass
class Reply:
    """What an application answered; ``status`` 0: nothing."""

    status: int = 0
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    path: str = "/v1/translate",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    chunks: Sequence[bytes] = (b"",),
    leaves: bool = False,
) -> Reply:
    """One request. The client ``leaves`` after the chunks, where there would be more, else it waits."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()],
        "server": ("127.0.0.1", 8080),
        "client": ("192.0.2.7", 50123),
    }
    coming = list(chunks)
    reply = Reply()

    async def receive() -> dict[str, Any]:
        if not coming:
            if not leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        chunk = coming.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": leaves or bool(coming)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    await app(scope, receive, send)
    return reply


class Echo:
    """Answers with the body that it got, once ``go_on`` is set. ``entered`` counts requests."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.entered = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered += 1
        message = await receive()
        assert message["more_body"] is False
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

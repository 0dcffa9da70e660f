"""A server on a real socket, what it answers with, and clients that take their time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from octavo.server.operations.connections import ConnectionLimits, LimitedConnection
from octavo.server.operations.gate import Gate
from octavo.server.operations.limits import Limits
from octavo.server.operations.metrics import Metrics
from octavo.server.operations.observing import Observing
from octavo.server.operations.refused import Refused

NEVER = 3600.0
REQUEST = b"POST /v1/translate HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nBako"
CHUNKED = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
NO_HTTP = (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n")


class Answering:
    """Answers with ``size`` bytes, and keeps what it got."""

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self.headers: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.headers = scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * self.size})


class Holding(Answering):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while not self.may_answer.is_set():
            await asyncio.sleep(0.01)
        await super().__call__(scope, receive, send)


class Waiting:
    """Reads its request, waits for what comes next, and keeps that."""

    def __init__(self) -> None:
        self.waits, self.heard = threading.Event(), threading.Event()
        self.message: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.waits.set()
        self.message = await receive()
        self.heard.set()


class Listening:
    """A server with these limits, in a thread."""

    def __init__(self, app: Any = None, **limits: Any) -> None:
        self.metrics = Metrics()
        self.inner = app or Answering()
        gate = self.gate = Gate(99, 99, 1 << 30)
        refused = Refused(self.metrics)
        limited = Limits(self.inner, gate, refused, max_body_bytes=1 << 20, max_document_bytes=1 << 20)
        app = Observing(limited, self.metrics)
        every = {"head_timeout": NEVER, "body_timeout": NEVER, "write_timeout": NEVER}
        self.limits = ConnectionLimits(
            **{"max_connections": 9999, **every, **limits}, gate=gate, refused=refused
        )
        connection = type("Connection", (LimitedConnection,), {"limits": self.limits})
        config = uvicorn.Config(
            app, http=connection, loop="uvloop", ws="none", lifespan="off", log_config=None
        )
        self.server = uvicorn.Server(config)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))

    @property
    def open_connections(self) -> int:
        return len(self.server.server_state.connections)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.listener.getsockname())
        connection.settimeout(60)
        return connection

    def refused(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value("octavo_refused_total", {"reason": reason}) or 0.0

    def until(self, connections: int) -> None:
        until = time.monotonic() + 60
        while self.open_connections != connections:
            assert time.monotonic() < until, f"{self.open_connections} connections in place of {connections}"
            time.sleep(0.01)


@contextlib.contextmanager
def listening(app: Any = None, **limits: Any) -> Iterator[Listening]:
    served = Listening(app, **limits)
    served.thread.start()
    try:
        while not served.server.started:
            time.sleep(0.01)
        yield served
    finally:
        served.server.should_exit = served.server.force_exit = True
        served.thread.join(60)
        served.listener.close()


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            found += data
    return found


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send until the other side closes."""
    with contextlib.suppress(OSError):
        connection.sendall(data)


def answer(connection: socket.socket) -> bytes:
    """An answer of Answering with two bytes."""
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        data = connection.recv(1 << 16)
        assert data
        found += data
    return found

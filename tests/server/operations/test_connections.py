"""Slow, idle, endless and too many connections, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn

from octavo.server.operations.connections import MAX_PIPELINED, ConnectionLimits, LimitedConnection
from octavo.server.operations.gate import Gate
from octavo.server.operations.joined_writes import JoinedWrites
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


@pytest.mark.parametrize("begun", [b"POST /v1", b"POST / HTTP/1.1\r\nhost: x\r\nx-long: "])
def test_half_a_request_is_given_up(begun: bytes) -> None:
    with listening() as served, served.connect() as connection:
        served.until(1)
        served.limits.head_timeout = 0.05
        connection.sendall(begun)
        found = all_of(connection)
        assert found.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"connection: close" in found
        assert served.refused("too_slow") == 1
        served.until(0)


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
def test_a_connection_that_sends_nothing_is_closed(sent: bytes) -> None:
    with listening(head_timeout=0.05) as served, served.connect() as connection:
        connection.sendall(sent)
        assert all_of(connection) == b""


def test_a_trickle_of_headers_is_given_up() -> None:
    with listening(head_timeout=0.2) as served, served.connect() as connection:
        with contextlib.suppress(OSError):
            for byte in b"POST / HTTP/1.1\r\n" + b"x-a: b\r\n" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.005)
                if not served.open_connections:
                    break
        served.until(0)


def test_half_a_body_is_given_up() -> None:
    with listening(body_timeout=0.05) as served, served.connect() as connection:
        connection.sendall(REQUEST[:-2])
        assert all_of(connection).startswith(b"HTTP/1.1 408 ")
        served.until(0)
        assert served.inner.headers == []


def test_a_second_half_request_on_a_connection_is_given_up() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        served.limits.head_timeout = 0.05
        connection.sendall(REQUEST[:20])
        assert all_of(connection).startswith(b"HTTP/1.1 408 ")


def test_endless_headers_are_refused() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x-a: b\r\n" * 1000)
        served.until(0)
        assert served.refused("head_too_large") == 1


def test_endless_trailers_are_refused_and_none_is_taken() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4\r\nBako\r\n0\r\nx-a: b\r\n"
        )
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x-a: b\r\n" * 1000)
        served.until(0)


def test_trailers_do_not_become_headers() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(CHUNKED + b"4\r\nBako\r\n0\r\nauthorization: Bearer x\r\n\r\n")
        answer(connection)
        assert dict(served.inner.headers) == {b"transfer-encoding": b"chunked"}


def test_chunks_of_a_byte_are_a_body() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(CHUNKED)
        for _ in range(300):
            connection.sendall(b"1\r\nx\r\n" * 100)
        connection.sendall(b"0\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("header", [b"content-length: 33554432\r\n", b"transfer-encoding: chunked\r\n"])
def test_a_client_that_sends_too_much_gets_its_answer(header: bytes) -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(b"POST /v1/translate HTTP/1.1\r\n" + header + b"\r\n")
        chunk = b"x" * 65536
        data = chunk if b"length" in header else b"10000\r\n" + chunk + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(512):
                connection.sendall(data)
            if b"chunked" in header:
                connection.sendall(b"0\r\n\r\n")
        assert all_of(connection).startswith(b"HTTP/1.1 413 ")
        served.until(0)


def test_a_client_that_takes_nothing_is_given_up() -> None:
    with listening(Answering(64 << 20), write_timeout=0.1) as served, served.connect() as connection:
        connection.sendall(REQUEST)
        served.until(0)


def test_a_client_that_takes_its_answer_slowly_goes_on() -> None:
    timers: list[Any] = []
    loop = SimpleNamespace(call_later=lambda seconds, *what: timers.append(what) or Mock())
    connection = object.__new__(LimitedConnection)
    connection.limits = ConnectionLimits(1, NEVER, NEVER, 1.0, Mock(), Mock())
    connection.loop, connection.transport = loop, Mock()  # type: ignore[assignment]
    connection.transport.get_write_buffer_size.side_effect = [100, 90, 90, 90]
    connection._time_writing()
    for aborted in (0, 1):
        what, *arguments = timers.pop()
        what(*arguments)
        assert connection.transport.abort.call_count == aborted


def test_hundreds_of_idle_connections_disturb_nobody() -> None:
    with listening() as served, contextlib.ExitStack() as opened:
        idle = [opened.enter_context(served.connect()) for _ in range(400)]
        for connection in idle[::2]:
            connection.sendall(REQUEST[:10])
        served.until(400)
        with served.connect() as connection:
            connection.sendall(REQUEST)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_connections_have_a_limit() -> None:
    with listening(max_connections=2) as served, served.connect() as one, served.connect():
        served.until(2)
        with served.connect() as more:
            assert all_of(more) == b""
        one.sendall(REQUEST)
        assert answer(one).startswith(b"HTTP/1.1 200 ")
        one.close()
        served.until(1)
        with served.connect() as again:
            again.sendall(REQUEST)
            assert answer(again).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(REQUEST * 3)
        found = b""
        while found.count(b"0\r\n\r\n") < 3:
            found += connection.recv(1 << 16)
        assert found.count(b"HTTP/1.1 200 ") == 3


def test_requests_wait_in_a_pipeline_up_to_a_limit() -> None:
    app = Holding()
    with listening(app) as served, served.connect() as connection:
        sender = threading.Thread(target=send_all, args=(connection, REQUEST * 50_000))
        sender.start()
        served.until(1)
        (serving,) = served.server.server_state.connections
        while len(serving.pipeline) < MAX_PIPELINED:
            time.sleep(0.01)
        app.may_answer.set()
        found = all_of(connection)
        sender.join(60)
        assert found.count(b"HTTP/1.1 200 ") == MAX_PIPELINED + 1 == found.count(b"HTTP/1.1 ")
        assert found.count(b"connection: close") == 1
        assert found.endswith(b"0\r\n\r\n")


def test_a_request_before_what_is_no_http_gets_its_answer() -> None:
    for nonsense in NO_HTTP:
        app = Holding()
        with listening(app) as served, served.connect() as connection:
            connection.sendall(REQUEST + nonsense)
            served.until(1)
            app.may_answer.set()
            found = all_of(connection)
            assert found.startswith(b"HTTP/1.1 200 ") and found.endswith(b"0\r\n\r\n")
            assert found.count(b"HTTP/1.1 ") == 1 and b"connection: close" in found


@pytest.mark.parametrize("nonsense", NO_HTTP)
def test_what_is_no_http_is_closed(nonsense: bytes) -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(nonsense)
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")
        served.until(0)


def test_a_server_that_drains_ends_connections_with_their_answers() -> None:
    with listening() as served, served.connect() as connection:
        served.limits.draining = True
        connection.sendall(REQUEST)
        assert b"connection: close" in all_of(connection)


def test_a_full_service_turns_requests_away_at_the_door_and_keeps_the_connection() -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(REQUEST)
        answer(connection)
        served.gate.max_requests = 0
        stated = REQUEST.replace(b"host: x", b"x-request-id: mine")
        for request in (REQUEST, stated, CHUNKED + b"4\r\nBako\r\n0\r\n\r\n"):
            connection.sendall(request)
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"retry-after: 1" in head
            assert (b"x-request-id: mine" in head) == (request is stated)
            assert json.loads(body)["status"] == 503
        for quiet in (b"GET /livez?x HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n"):
            connection.sendall(quiet)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        served.gate.max_requests = 9
        connection.sendall(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert served.refused("busy") == 3


def test_a_client_that_takes_no_refusals_is_read_no_more() -> None:
    with listening() as served, served.connect() as connection:
        served.gate.max_requests = 0
        sender = threading.Thread(target=send_all, args=(connection, REQUEST * 500_000))
        sender.start()
        served.until(1)
        (serving,) = served.server.server_state.connections
        until = time.monotonic() + 60
        while len(serving.pipeline) < MAX_PIPELINED:
            assert time.monotonic() < until, "requests are read and refused without end"
            time.sleep(0.01)
        assert serving.transport.get_write_buffer_size() < 16 << 20
        connection.shutdown(socket.SHUT_RDWR)
        sender.join(60)


def test_a_request_before_others_hears_that_its_client_has_gone() -> None:
    app = Waiting()
    with listening(app) as served:
        with served.connect() as connection:
            connection.sendall(REQUEST * 3)
            assert app.waits.wait(60)
        assert app.heard.wait(60)
        assert app.message == {"type": "http.disconnect"}


def test_a_first_request_is_turned_away_and_may_come_slowly() -> None:
    with listening() as served, served.connect() as connection:
        served.gate.max_requests = 0
        connection.sendall(REQUEST[:-2])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
        connection.sendall(REQUEST[-2:])
        connection.sendall(REQUEST)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("rest", [b"", b"zz\r\n"])
def test_a_request_that_was_turned_away_and_does_not_end_is_given_up(rest: bytes) -> None:
    with listening(body_timeout=0.05) as served, served.connect() as connection:
        served.gate.max_requests = 0
        connection.sendall(CHUNKED + rest)
        assert all_of(connection).startswith(b"HTTP/1.1 503 ")
        served.until(0)


def test_an_answer_goes_out_in_one_piece_and_large_ones_are_not_held() -> None:
    sent: list[bytes] = []
    transport = Mock(is_closing=lambda: False, get_write_buffer_size=lambda: 0, write=sent.append)

    async def work() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())
        joined.write(b"head ")
        joined.write(b"body")
        assert (sent, joined.get_write_buffer_size()) == ([], 9)
        await asyncio.sleep(0)
        assert (sent, joined.get_write_buffer_size()) == ([b"head body"], 0)
        joined.write(b"x" * 70_000)
        assert len(sent[-1]) == 70_000
        joined.write(b"last")
        joined.close()
        assert sent[-1] == b"last"
        joined.write(b"never")
        joined.abort()
        await asyncio.sleep(0)
        assert sent[-1] == b"last"

    asyncio.run(work())

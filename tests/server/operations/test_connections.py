"""Slow, idle, endless and too many connections, on a real socket."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from octavo.server.operations.connections import ConnectionLimits, LimitedConnection

from .listening import (
    CHUNKED,
    NEVER,
    NO_HTTP,
    REQUEST,
    Answering,
    all_of,
    answer,
    listening,
)


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


@pytest.mark.parametrize("target", [b"http://[::1/", b"http://a:999999/", b"http://"])
def test_a_target_that_is_no_url_is_refused(target: bytes) -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(REQUEST)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % target)
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")
        served.until(0)


@pytest.mark.parametrize("nonsense", NO_HTTP)
def test_what_is_no_http_is_closed(nonsense: bytes) -> None:
    with listening() as served, served.connect() as connection:
        connection.sendall(nonsense)
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")
        served.until(0)

"""Requests on one connection, at a full door, and the answers to them, on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from unittest.mock import Mock

import pytest

from octavo.server.operations.connections import MAX_PIPELINED
from octavo.server.operations.joined_writes import JoinedWrites

from .listening import (
    CHUNKED,
    NO_HTTP,
    REQUEST,
    Holding,
    Waiting,
    all_of,
    answer,
    listening,
    send_all,
)


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


def test_a_request_before_others_hears_that_its_client_has_gone() -> None:
    app = Waiting()
    with listening(app) as served:
        with served.connect() as connection:
            connection.sendall(REQUEST * 3)
            assert app.waits.wait(60)
        assert app.heard.wait(60)
        assert app.message == {"type": "http.disconnect"}


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

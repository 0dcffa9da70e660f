"""benchmarks/service_client.py: what it reads of answers, and how it counts."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


client = _module("service_client")

ASKED = b"GET / HTTP/1.1\r\n\r\n"
TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"


def with_server(answers: list[bytes], work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What ``work`` makes of a server that gives these answers in turn, again and again; an empty one closes
    the connection."""

    async def run() -> Any:
        turn = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal turn
            while await reader.readline():
                await reader.readline()
                answer = answers[turn % len(answers)]
                turn += 1
                if not answer:
                    break
                for byte in (answer[:20], answer[20:]):
                    writer.write(byte)
                    await writer.drain()
                    await asyncio.sleep(0)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            return await work(server.sockets[0].getsockname())

    return client.run(run())


async def ask(address: Any) -> Any:
    connection = await client.Connection.open(address)
    answer = await connection.ask(ASKED)
    await asyncio.sleep(0.05)
    connection.close()
    return answer, connection


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (TWO, 200, b"ab"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n", 503, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
            200,
            b"abcde",
        ),
    ],
)
def test_an_answer_is_read(answer: bytes, status: int, body: bytes) -> None:
    found, connection = with_server([answer], ask)
    assert (found.status, found.body, connection.unasked) == (status, body, 0)
    assert found.seconds > 0


def test_bytes_that_nobody_asked_for_are_counted() -> None:
    found, connection = with_server([TWO + TWO], ask)
    assert found.body == b"ab" and connection.unasked == len(TWO)


def test_an_answer_that_stops_is_lost() -> None:
    async def work(address: Any) -> Any:
        with pytest.raises(client.LostAnswerError) as lost:
            await ask(address)
        return lost.value.got

    assert with_server([b""], work) == 0


def test_a_closed_loop_shares_the_requests_among_its_clients() -> None:
    load = with_server([TWO], lambda address: client.closed_loop(address, [ASKED] * 20, 3))
    assert load.statuses() == {200: 20} and sorted(load.answers) == list(range(20))
    assert not load.lost and not load.unasked and load.seconds > 0


def test_a_connection_that_is_closed_is_opened_again() -> None:
    closing = TWO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    load = with_server([closing, b"", TWO], lambda address: client.closed_loop(address, [ASKED] * 9, 1))
    assert load.statuses() == {200: 6} and load.lost == [1, 4, 7]


def test_a_patient_client_asks_again() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    load = with_server([busy, TWO], lambda address: client.closed_loop(address, [ASKED] * 3, 1, patient=True))
    assert load.statuses() == {200: 3} and load.refused == 3


def test_an_open_loop_sends_all_that_is_due() -> None:
    load = with_server([TWO], lambda address: client.open_loop(address, [ASKED], 200, 0.5))
    assert load.statuses() == {200: 100} and len(load.lateness) == 100


def test_percentiles() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [client.percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert client.percentile([7.0], 0.5) == 7

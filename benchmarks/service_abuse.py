"""Clients that behave badly, each a coroutine for service_overload.py.

Each holds on for so many seconds, then lets go. The Load has the answers that came; a connection that was
refused, or closed without an answer, counts as lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import Awaitable, Callable, Iterator

from service_client import Address, Answer, Connection, Load, LostAnswerError, request_bytes

IDLE = 10_000
AT_ONCE = 200
SLOW = 120
BODY_BYTES = 100_000_000
BIG_AT_ONCE = 4
PIPELINED = 2000
LONG, SHORT = "/openapi.json", "/nowhere"

Abuse = Callable[[Address, str, bytes, float], Awaitable[Load]]
"""The server, the path and a whole request that it answers, and the seconds to hold on."""


async def _opened(address: Address, load: Load, count: int) -> list[Connection]:
    """So many connections, some hundred at once; those that are refused are lost."""
    connections: list[Connection] = []
    for start in range(0, count, AT_ONCE):
        some = range(start, min(count, start + AT_ONCE))
        for index, made in zip(
            some,
            await asyncio.gather(*(Connection.open(address) for _ in some), return_exceptions=True),
            strict=True,
        ):
            if isinstance(made, Connection):
                connections.append(made)
            else:
                load.lost.append(index)
    return connections


async def _collect(connections: list[Connection], requests: list[bytes], load: Load, seconds: float) -> None:
    """Send a request on each connection, wait so long for the answers, close."""

    async def one(index: int) -> None:
        try:
            load.answers[len(load.answers)] = await connections[index].ask(requests[index])
        except LostAnswerError:
            load.lost.append(index)

    tasks = [asyncio.ensure_future(one(index)) for index in range(len(connections))]
    await asyncio.wait(tasks, timeout=seconds)
    for connection in connections:
        connection.close()
    await asyncio.gather(*tasks)


async def idle(address: Address, _path: str, request: bytes, seconds: float) -> Load:
    """Ten thousand connections that ask once whether the server lives, and then for nothing; at the end one
    in a hundred asks for a translation."""
    load = Load()
    connections: list[Connection] = []
    asked = request_bytes("/livez", method="GET")
    for _ in range(IDLE // AT_ONCE):
        some = await _opened(address, load, AT_ONCE)
        await asyncio.gather(*(connection.ask(asked) for connection in some), return_exceptions=True)
        connections += some
    await asyncio.sleep(seconds)
    load.lost += [index for index, connection in enumerate(connections) if connection.closed]
    some = [connection for connection in connections if not connection.closed][::100]
    await _collect(some, [request] * len(some), load, 60)
    for connection in connections:
        connection.close()
    return load


async def half(address: Address, _path: str, request: bytes, seconds: float) -> Load:
    """Requests that stop in the middle of the first line, of the headers or of the body."""
    load = Load()
    connections = await _opened(address, load, 3 * AT_ONCE)
    head = request.index(b"\r\n\r\n")
    cuts = [10, head - 5, head + 14]
    requests = [request[: cuts[index % 3]] for index in range(len(connections))]
    await _collect(connections, requests, load, seconds)
    return load


async def drip(address: Address, _path: str, request: bytes, seconds: float) -> Load:
    """Requests that come a byte at a time, a byte a second: they never end within the seconds."""
    load = Load()
    connections = await _opened(address, load, AT_ONCE)
    for at in range(int(seconds)):
        for connection in connections:
            if not connection.closed:
                connection.send(request[at : at + 1])
        await asyncio.sleep(1)
    load.lost += [index for index, connection in enumerate(connections) if connection.closed]
    for connection in connections:
        connection.close()
    return load


async def slow(address: Address, _path: str, request: bytes, seconds: float) -> Load:
    """Clients that ask again and again, for long answers and short ones, and read nothing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    kinds = [request_bytes(path, method="GET") * PIPELINED for path in (LONG, SHORT)] + [request * PIPELINED]
    sockets = []
    for _ in range(SLOW):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.setblocking(False)
        await loop.sock_connect(one, address)
        sockets.append(one)
    writers = [
        asyncio.ensure_future(loop.sock_sendall(one, kinds[index % 3])) for index, one in enumerate(sockets)
    ]
    await asyncio.wait(writers, timeout=seconds)
    await asyncio.sleep(end - loop.time())
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    for one in sockets:
        one.close()
    return Load()


async def big(address: Address, path: str, _request: bytes, seconds: float) -> Load:
    """Bodies of 100 MB, with their length stated and in chunks, a few at a time, again and again."""
    load = Load()
    piece = b"x" * 65_536
    stated = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    heads = [f"{stated}Content-Length: {BODY_BYTES}\r\n\r\n", f"{stated}Transfer-Encoding: chunked\r\n\r\n"]
    chunk = b"10000\r\n" + piece + b"\r\n"

    async def one(kind: int) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(heads[kind].encode())
        answer = asyncio.ensure_future(reader.readline())
        with contextlib.suppress(ConnectionError):
            for _ in range(BODY_BYTES // len(piece)):
                if answer.done():
                    break
                writer.write(chunk if kind else piece)
                await writer.drain()
        try:
            line = await asyncio.wait_for(answer, 60)
        except (ConnectionError, TimeoutError):
            line = b""
        _count(load, line)
        writer.transport.abort()

    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await asyncio.gather(*(one(index % 2) for index in range(BIG_AT_ONCE)))
        await asyncio.sleep(0.1)
    return load


def _count(load: Load, status_line: bytes) -> None:
    number = len(load.answers)
    if status_line.startswith(b"HTTP/1.1 "):
        load.answers[number] = Answer(int(status_line[9:12]), b"", b"", 0.0)
    else:
        load.lost.append(number)


def _wrong_values() -> Iterator[object]:
    odd: list[object] = [
        None,
        True,
        -1,
        1e400,
        "",
        "\ud800",
        [],
        {},
        [[]],
        [None],
        {"text": 5},
        "x" * 2_000,
    ]
    fields = ("source", "target", "items", "q", "text", "format", "options", "glossary", "alternatives")
    good = {"source": "en", "target": "de", "items": [{"text": "A man."}], "q": "A man.", "text": ["A man."]}
    for field in fields:
        for value in odd:
            yield {**good, field: value}
        yield {key: value for key, value in good.items() if key != field}


def wrong_bodies() -> list[bytes]:
    """Bodies that are no JSON, JSON that is no request, and requests with values that cannot be."""
    texts = [
        "",
        "{",
        "}",
        "[",
        "nul",
        '"',
        '{"q":',
        '{"q":"\\u12"}',
        '{"q":"\\ud800"}',
        "[1,]",
        "{'q':1}",
        "NaN",
    ]
    bodies = [text.encode() for text in texts]
    bodies += [b"\xff\xfe{}", b"\x00" * 100, b"[" * 100_000, b'{"a":' * 50_000, b'"' + b"\\" * 99_999]
    bodies += [b"1" * 50_000, b'{"q": 1' + b"0" * 5_000 + b"}", "\ufeff{}".encode()]
    bodies += [json.dumps(value).encode() for value in _wrong_values()]
    noise = random.Random(1)
    bodies += [noise.randbytes(noise.randrange(1, 300)) for _ in range(100)]
    return bodies


async def malformed(address: Address, path: str, _request: bytes, seconds: float) -> Load:
    """Malformed JSON and wrong values on every path that takes JSON, and lines that are no HTTP."""
    load = Load()
    end = asyncio.get_running_loop().time() + seconds
    paths = dict.fromkeys([path, "/v1/translate", "/v1/detect", "/translate", "/detect", "/v2/translate"])
    for body in wrong_bodies():
        requests = [request_bytes(each, body) for each in paths]
        connections = await _opened(address, load, len(requests))
        await _collect(connections, requests[: len(connections)], load, 60)
    noise = random.Random(2)
    while asyncio.get_running_loop().time() < end:
        lines = [noise.randbytes(200) + b"\r\n\r\n" for _ in range(20)]
        connections = await _opened(address, load, len(lines))
        await _collect(connections, lines[: len(connections)], load, 1)
    return load


MODES: dict[str, Abuse] = {
    "idle": idle,
    "half": half,
    "drip": drip,
    "slow": slow,
    "big": big,
    "malformed": malformed,
}

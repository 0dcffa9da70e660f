"""A load generator for HTTP/1.1 that takes little of the cores that it shares with the server.

Requests are bytes made beforehand, connections are kept, and of an answer no more is read than its status,
its length and its body. ``closed_loop`` has clients that wait for their answers; ``open_loop`` sends at a
fixed rate, whatever the server does."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import math
import statistics
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar, cast

try:
    import uvloop
except ImportError:  # the loop of the standard library does the same, at more cost
    uvloop = None

T = TypeVar("T")
Address = tuple[str, int]

PATIENCE = 120.0
"""Seconds for one answer. A client that waits longer counts as lost."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the fastest loop that is installed, and close the connections that it leaves."""

    async def and_close() -> T:
        try:
            return await work
        finally:
            while _connected:
                for connection in list(_connected):
                    connection.close()
                await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        return runner.run(and_close())


def request_bytes(path: str, body: object = None, *, method: str = "POST", headers: str = "") -> bytes:
    """A whole request. ``body``: bytes as they are, anything else as JSON, None: there is none.

    ``headers`` are lines that end with CR and LF.
    """
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "" if body is None or "content-type" in headers.lower() else "Content-Type: application/json\r\n"
    length = "" if body is None else f"Content-Length: {len(data)}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{kind}{length}{headers}\r\n".encode() + data


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case and body of one answer. ``seconds`` are from sending to its last byte,
    and ``at`` is when that came, on the clock of time.perf_counter."""

    status: int
    headers: bytes
    body: bytes
    seconds: float
    at: float = 0.0


class LostAnswerError(ConnectionError):
    """The connection was closed while a request waited for its answer. ``got`` bytes of it had come."""

    def __init__(self, got: int) -> None:
        super().__init__(f"the connection was closed after {got} bytes of the answer")
        self.got = got


class Connection(asyncio.Protocol):
    """One connection, one request at a time. It is ``closed`` after an answer that says so. ``unasked``
    counts the bytes that came with no request under way."""

    def __init__(self) -> None:
        self.unasked = 0
        self.closed = False
        self._buffer = bytearray()
        self._body_at = 0
        self._end = -1
        self._chunked = False
        self._waiting: asyncio.Future[Answer] | None = None
        self._start = 0.0
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, address: Address) -> Connection:
        """A new connection; raises OSError where the server takes none."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, *address)
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Raises LostAnswerError."""
        if self.closed:
            raise LostAnswerError(0)
        assert self._transport is not None and self._waiting is None
        self._waiting = asyncio.get_running_loop().create_future()
        self._start = time.perf_counter()
        self._transport.write(request)
        return await self._waiting

    def send(self, data: bytes) -> None:
        """Send bytes and wait for nothing."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        _connected.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Of asyncio.Protocol."""
        _connected.discard(self)
        self.closed = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LostAnswerError(len(self._buffer)))
        self._waiting = None

    def data_received(self, data: bytes) -> None:
        """Of asyncio.Protocol."""
        if self._waiting is None:
            self.unasked += len(data)
            return
        self._buffer += data
        if self._body_at == 0 and not self._read_head():
            return
        if self._chunked:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
            body = _joined_chunks(bytes(self._buffer[self._body_at :]))
            self._end = len(self._buffer)
        else:
            if len(self._buffer) < self._end:
                return
            body = bytes(self._buffer[self._body_at : self._end])
        self._finish(body)

    def _read_head(self) -> bool:
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            return False
        self._body_at = at + 4
        head = bytes(self._buffer[:at]).lower()
        length = head.find(b"\r\ncontent-length:")
        self._chunked = length < 0 and b"\r\ntransfer-encoding: chunked" in head
        size = int(head[length + 17 :].split(b"\r\n", 1)[0]) if length >= 0 else 0
        self._end = self._body_at + size
        return True

    def _finish(self, body: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        head = bytes(self._buffer[: self._body_at]).lower()
        now = time.perf_counter()
        self.unasked += len(self._buffer) - self._end
        self._buffer.clear()
        self._body_at = 0
        if b"\r\nconnection: close" in head:
            self.close()
        if not waiting.done():
            waiting.set_result(Answer(int(head[9:12]), head, body, now - self._start, now))


_connected: set[Connection] = set()


def _joined_chunks(data: bytes) -> bytes:
    parts, at = [], 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


@dataclasses.dataclass(slots=True)
class Load:
    """What came of a load: the answers by the index of their request, and what went wrong.

    ``start`` is when the first request was sent, ``seconds`` from there to the last answer, or to the last
    request of an open loop; ``client_seconds`` is the client's own time on a core.
    """

    answers: dict[int, Answer] = dataclasses.field(default_factory=dict)
    lost: list[int] = dataclasses.field(default_factory=list)
    unasked: int = 0
    refused: int = 0
    """Requests of patient clients that were sent again."""
    start: float = 0.0
    seconds: float = 0.0
    client_seconds: float = 0.0
    lateness: list[float] = dataclasses.field(default_factory=list)
    """Of an open loop: by how much each request was sent too late."""

    def statuses(self) -> dict[int, int]:
        """How many answers had each status."""
        return dict(sorted(collections.Counter(answer.status for answer in self.answers.values()).items()))

    def latencies(self, *statuses: int) -> list[float]:
        """Seconds of the answers with these statuses, sorted."""
        return sorted(answer.seconds for answer in self.answers.values() if answer.status in statuses)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the sorted values do not exceed; not a number where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def median(values: Sequence[float]) -> float:
    """The median; not a number where there are none."""
    return statistics.median(values) if values else math.nan


async def closed_loop(
    address: Address,
    requests: Sequence[bytes],
    clients: int,
    seconds: float = math.inf,
    *,
    patient: bool = False,
) -> Load:
    """``clients`` connections share the requests; each sends its next when its answer has come.

    No new one is sent after ``seconds``. A connection that the server closes is opened again. ``patient``: a
    request that was refused with 503 is sent again, a little later.
    """
    load = Load()
    coming = iter(range(len(requests)))
    connections = [await Connection.open(address) for _ in range(clients)]
    used = time.process_time()
    load.start = time.perf_counter()
    end = load.start + seconds

    async def client(connection: Connection) -> None:
        for index in coming:
            if time.perf_counter() >= end:
                break
            if connection.closed:
                load.unasked += connection.unasked
                connection = await Connection.open(address)
            try:
                answer = await connection.ask(requests[index])
                while patient and answer.status == 503 and not connection.closed:
                    load.refused += 1
                    await asyncio.sleep(0.05)
                    answer = await connection.ask(requests[index])
                load.answers[index] = answer
            except LostAnswerError:
                load.lost.append(index)
        load.unasked += connection.unasked
        connection.close()

    async with asyncio.timeout(PATIENCE + (0 if seconds == math.inf else seconds)):
        await asyncio.gather(*map(client, connections))
    load.seconds = time.perf_counter() - load.start
    load.client_seconds = time.process_time() - used
    return load


async def every(interval: float, seconds: float, load: Load | None = None) -> AsyncIterator[int]:
    """Counts up at fixed times, and catches up after a delay, so that the rate stays what it is."""
    start = time.perf_counter()
    for index in range(int(seconds / interval)):
        due = start + index * interval
        late = time.perf_counter() - due
        if late < 0:
            await asyncio.sleep(-late)
        elif index % 64 == 0:
            await asyncio.sleep(0)
        if load is not None:
            load.lateness.append(time.perf_counter() - due)
        yield index


async def open_loop(
    address: Address, requests: Sequence[bytes], rate: float, seconds: float, *, most: int = 2000
) -> Load:
    """Send ``rate`` requests a second, again and again from the first, on at most ``most`` connections.

    The index of an answer counts all requests that were sent. One that finds no connection is lost.
    """
    load = Load()
    idle: list[Connection] = []
    tasks: set[asyncio.Task[None]] = set()
    used = time.process_time()
    load.start = time.perf_counter()

    async def one(index: int) -> None:
        try:
            connection = idle.pop() if idle else await Connection.open(address)
            load.answers[index] = await connection.ask(requests[index % len(requests)])
        except OSError:
            load.lost.append(index)
            return
        load.unasked += connection.unasked
        connection.unasked = 0
        if not connection.closed:
            idle.append(connection)

    async for index in every(1 / rate, seconds, load):
        if len(tasks) >= most:
            load.lost.append(index)
            continue
        task = asyncio.ensure_future(one(index))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    load.seconds = time.perf_counter() - load.start
    load.client_seconds = time.process_time() - used
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
    for connection in idle:
        connection.close()
    return load

"""Connections: how long they may be idle or slow, how many there may be, and how they end.

uvicorn's protocol over httptools parses and answers; this one adds limits to it, since neither has one for
the size of headers, for a request that does not come to its end, for requests that come before the answers to
those before them, or for a client that takes no answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
from asyncio import Transport
from collections import deque
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from octavo.server.operations.gate import Gate
from octavo.server.operations.joined_writes import JoinedWrites
from octavo.server.operations.observing import QUIET, request_id
from octavo.server.operations.refusals import BUSY, HEAD_TOO_LARGE, TOO_SLOW, Refusal
from octavo.server.operations.refused import Refused
from octavo.server.presence import DEPARTURE, Departure

MAX_HEAD_BYTES: Final = 64 << 10

MAX_PIPELINED: Final = 32
"""Requests of a connection that may wait for the answers before theirs. One more is not read: a request of 40
bytes takes some kilobytes while it waits."""

_QUIET: Final = frozenset(path.encode() for path in QUIET)
_FRAMING: Final = 8
"""Bytes on the wire for each byte of a body: a chunk of one byte takes six."""


@dataclasses.dataclass(slots=True)
class ConnectionLimits:
    """Limits of all connections of a server; times in seconds. ``gate`` says when requests are too many,
    ``refused`` counts what is. ``draining``: each connection ends after its answer."""

    max_connections: int
    head_timeout: float
    body_timeout: float
    write_timeout: float
    gate: Gate
    refused: Refused
    draining: bool = False


class LimitedConnection(HttpToolsProtocol):
    """One connection. ``limits`` is set on a subclass for each server."""

    limits: ConnectionLimits

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None  # of what is being read
        self._timer_is_of_body = False
        self._write_timer: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = False
        self._wire_bytes = 0  # of the request that is being read, after those that came with its beginning
        self._body_bytes = 0
        self._turned_away = False  # the request that is being read has its answer already
        self._read_all = False  # that will be read: the answers that are owed end the connection
        # Answers, the one under way first, each with what tells it that nobody waits for it any more.
        self._owed: deque[tuple[RequestResponseCycle, Departure]] = deque()

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(cast("Transport", JoinedWrites(transport, self.loop)))
        if len(self.connections) > self.limits.max_connections:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=0)  # so that pause_writing tells of every byte that waits
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._stop_timer()
        self._stop_write_timer()
        for cycle, departure in self._owed:  # uvicorn tells the last of them alone
            cycle.disconnected = True
            cycle.message_event.set()
            departure.tell()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of requests have come."""
        if self._read_all:
            return
        self._wire_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_timer()
        elif self._wire_bytes > MAX_HEAD_BYTES + _FRAMING * self._body_bytes:
            self._refuse(HEAD_TOO_LARGE)
        else:
            self._watch()

    def on_message_begin(self) -> None:
        """A request begins. uvicorn hears of the error by ``send_400_response``."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests wait for answers")
        self._in_head = True
        self._wire_bytes = self._body_bytes = 0
        self._stop_timer()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come. Those after a body ("trailers") have no use here."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers have come."""
        if self.limits.gate.full and self._may_be_turned_away():
            self._in_head, self._in_body = False, True
            self._turn_away()
            return
        departure = Departure()
        cast("dict[str, Any]", self.scope)[DEPARTURE] = departure
        super().on_headers_complete()  # raises, still in the head, for a target that is no URL
        self._in_head, self._in_body = False, True
        self._owed.append((self.cycle, departure))
        if self.limits.draining:
            self.drain()

    def on_body(self, body: bytes) -> None:
        """Some of a body has come."""
        self._body_bytes += len(body)
        if not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come to its end."""
        self._in_body = False
        if not self._turned_away:
            super().on_message_complete()
            return
        self._turned_away = False
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _may_be_turned_away(self) -> bool:
        """Whether the answer can be written at once, and leaves the connection as it is. One to a client that
        does not read has to wait, as those of the app do."""
        return (
            self._under_way() is None
            and not self.flow.write_paused
            and not self.expect_100_continue
            and not self.limits.draining
            and self.parser.get_method() in (b"POST", b"GET")
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and self.url.partition(b"?")[0] not in _QUIET
        )

    def _turn_away(self) -> None:
        """Say that the service is busy, without the app: under an overload most of the work would be this."""
        self._turned_away = True
        self.limits.refused.note_at_the_door()
        identity = b"x-request-id: %s" % request_id(self.headers).encode()
        self.transport.write(BUSY.as_http(identity))

    def send_400_response(self, msg: str) -> None:
        """What has come is no request, or one too many. Answers to whole requests before it come first."""
        whole = None if self._in_body else self._under_way()
        if whole is not None:
            self._read_all = True
            whole.keep_alive = False
        elif self._in_body and not self._answerable():
            self.transport.close()
        else:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """An answer is complete."""
        if self._owed:
            self._owed.popleft()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes answers more slowly than they are made."""
        super().pause_writing()
        if self._write_timer is None:
            self._time_writing()

    def resume_writing(self) -> None:
        """The client has taken enough of them."""
        self._stop_write_timer()
        super().resume_writing()

    def drain(self) -> None:
        """End the connection after the answer that is under way; an idle one may still send a request."""
        if (cycle := self._under_way()) is not None:
            cycle.keep_alive = False

    @property
    def idle(self) -> bool:
        """Whether no request is under way or has begun to come."""
        return not self._in_body and self._under_way() is None

    def _under_way(self) -> RequestResponseCycle | None:
        """The request that came last, where its answer is not complete."""
        cycle: RequestResponseCycle | None = getattr(self, "cycle")  # noqa: B009 - None at first, untold
        return None if cycle is None or cycle.response_complete else cycle

    def _watch(self) -> None:
        """Time what is still to come: a body, or headers unless an answer is being made."""
        if self._in_body:
            if not (self._timer and self._timer_is_of_body):
                self._start_timer(self.limits.body_timeout, of_body=True)
        elif self.idle and self.timeout_keep_alive_task is None:
            if self._timer is None:
                self._start_timer(self.limits.head_timeout, of_body=False)
        else:
            self._stop_timer()

    def _start_timer(self, seconds: float, *, of_body: bool) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._refuse, TOO_SLOW)
        self._timer_is_of_body = of_body

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_writing(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.limits.write_timeout, self._look_at_writing, waiting)

    def _look_at_writing(self, waited_before: int) -> None:
        """Go on where the client took something in all this time."""
        if self.transport.get_write_buffer_size() < waited_before:
            self._time_writing()
        else:
            self.transport.abort()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection, with an answer where none has begun."""
        self._timer = None
        if self.transport.is_closing():
            return
        if self._answerable():
            self.limits.refused.note(refusal)
            self.transport.write(refusal.as_http())
        self.transport.close()

    def _answerable(self) -> bool:
        """Whether a request has begun to come, and the next answer is the one to it."""
        if self._in_head:
            return self.idle
        if self._turned_away:
            return False
        return self._in_body and not self.pipeline and not self.cycle.response_started

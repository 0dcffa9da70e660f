"""The server process: signals, and an end that loses nothing of what it accepted."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from octavo.server.operations import logs
from octavo.server.operations.connections import ConnectionLimits, LimitedConnection
from octavo.server.operations.gate import Gate
from octavo.server.operations.health import Readiness
from octavo.server.operations.listening import turn_newcomers_away

_TICK: Final = 0.02
_LAME_DUCK: Final = 0.5
"""Seconds for which clients that keep a connection may still send a request, which ends it."""

_HANDSHAKES: Final = 0.05
"""Seconds for connections that are being made when the service is told to stop."""

_LAST_WORDS: Final = 1.0
"""Seconds for the answers to what was cut off."""


class DrainingServer(uvicorn.Server):
    """Serves until SIGTERM or SIGINT.

    Then it takes no connection more, and is not ready. Requests on connections that are there are answered,
    and each answer ends its connection; idle ones are closed half a second later. What is under way gets
    ``grace`` seconds; what is left then, or at a second signal, is answered with 503. SIGHUP calls
    ``reload``. ``drain`` ends the work of the service, in so many seconds.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        limits: ConnectionLimits,
        gate: Gate,
        readiness: Readiness,
        grace: float,
        drain: Callable[[float], Awaitable[None]],
        reload: Callable[[], None],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self._gate = gate
        self._readiness = readiness
        self._grace = grace
        self._drain = drain
        self._reload = reload
        self._ready = ready
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the event loop take the signals while it runs."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.report_loop_error)
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._reload,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and get ready beside that."""
        await super().startup(sockets)
        task = asyncio.ensure_future(self._ready())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as the class says."""
        logs.event("draining", requests=self._gate.under_way)
        until = asyncio.get_running_loop().time() + self._grace
        self._limits.draining = True
        for connection in self._connections():
            connection.drain()
        for listener in sockets or ():
            turn_newcomers_away(listener)
        await asyncio.sleep(_HANDSHAKES)  # connections that the system has made already are taken
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        await self._until_closed(min(until, asyncio.get_running_loop().time() + _LAME_DUCK))
        self._gate.closed = True
        for connection in self._connections():
            connection.shutdown()
        await self._until_closed(until)
        cut_off = await self._cut_off()
        left = until - asyncio.get_running_loop().time()
        await self._drain(0.0 if self.force_exit else max(0.0, left))
        logs.event("stopped", cut_off=cut_off)

    def _stop(self) -> None:
        self._readiness.drain()
        self.force_exit = self.should_exit
        self.should_exit = True

    def _connections(self) -> list[LimitedConnection]:
        return [one for one in self.server_state.connections if isinstance(one, LimitedConnection)]

    async def _until_closed(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while self.server_state.connections and not self.force_exit and loop.time() < until:
            await asyncio.sleep(_TICK)

    async def _cut_off(self) -> int:
        """Give up what is under way; returns how many requests that were."""
        tasks = set(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WORDS)
        until = asyncio.get_running_loop().time() + _LAST_WORDS
        while self.server_state.connections and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_TICK)
        for connection in self._connections():
            connection.transport.abort()
        return len(tasks)

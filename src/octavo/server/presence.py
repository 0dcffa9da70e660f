"""Nobody works for a client that has gone: its request is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEPARTURE: Final = "octavo.departure"
"""Where a scope has its Departure, if the server has one for it."""


class Departure:
    """The end of a client's connection, told by the server itself: that takes no task to wait for it."""

    def __init__(self) -> None:
        self._gone = False
        self._task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """The client has gone."""
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    async def cancels(self, work: Coroutine[None, None, None]) -> None:
        """Do the work, in this task, until the client has gone."""
        task: asyncio.Task[None] | None = asyncio.current_task()
        if self._gone or task is None:
            work.close()
            return
        self._task = task
        try:
            await work
        except asyncio.CancelledError:
            if not self._gone or task.uncancel():
                raise
        finally:
            self._task = None


class CancelWhenGone:
    """An ASGI app that cancels a request where its client goes before it has the whole answer.

    Where the server has a Departure, that tells of it. With another server, once ``app`` has read the
    request's body, this waits for the disconnection in its place.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        departure: Departure | None = scope.get(DEPARTURE)
        if departure is not None:
            await departure.cancels(_run(self._app, scope, receive, send))
            return
        read_all = asyncio.Event()
        gone: asyncio.Task[None] = asyncio.ensure_future(_gone(read_all, receive))

        async def receive_body() -> Message:
            if read_all.is_set():
                await asyncio.shield(gone)
                return {"type": "http.disconnect"}
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                read_all.set()
            return message

        answer = asyncio.ensure_future(_run(self._app, scope, receive_body, send))
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            gone.cancel()
            if not answer.done():
                answer.cancel()
                await asyncio.wait((answer,))


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def _gone(read_all: asyncio.Event, receive: Receive) -> None:
    await read_all.wait()
    while (await receive())["type"] != "http.disconnect":
        pass

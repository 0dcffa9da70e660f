"""Results as lines of JSON, each as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from octavo.server.api.octavo.items import Sheaf, failed
from octavo.server.api.octavo.messages import ItemResult
from octavo.server.errors import ServiceError
from octavo.server.service import Service


async def begun(
    service: Service, groups: Sequence[Sheaf], results: Sequence[ItemResult], since: float
) -> AsyncIterator[bytes]:
    """The lines: ``results``, which are there, then those of ``groups``, as they come.

    Waits for the first result of each group, so that what concerns all items raises ServiceError while the
    request can still be refused.
    """
    ready = list(results)
    running: list[AsyncGenerator[ItemResult, None]] = []
    refused: list[ServiceError] = []
    for group in groups:
        coming = _results(service, group, since)
        try:
            ready.append(await anext(coming))
        except ServiceError as error:
            refused.append(error)
            ready += [failed(place, error, since) for place in group.places]
        else:
            running.append(coming)
    if refused and not running and not results:
        raise refused[0]
    return _lines(ready, running)


async def _results(service: Service, group: Sheaf, since: float) -> AsyncGenerator[ItemResult, None]:
    outcomes = service.translate_each(group.job)
    try:
        async for index, outcome in outcomes:
            yield group.result(index, outcome, since)
    finally:
        await outcomes.aclose()


async def _lines(
    ready: Sequence[ItemResult], running: Sequence[AsyncGenerator[ItemResult, None]]
) -> AsyncIterator[bytes]:
    coming: dict[asyncio.Future[ItemResult], AsyncGenerator[ItemResult, None]] = {}
    try:
        for result in ready:
            yield _line(result)
        coming = {_next(each): each for each in running}
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                results = coming.pop(future)
                if isinstance(future.exception(), StopAsyncIteration):
                    continue
                coming[_next(results)] = results
                yield _line(future.result())
    finally:
        for future in coming:
            future.cancel()
        if coming:
            await asyncio.wait(coming)
        for results in running:
            await results.aclose()


def _next(results: AsyncGenerator[ItemResult, None]) -> asyncio.Future[ItemResult]:
    async def following() -> ItemResult:
        return await anext(results)

    return asyncio.ensure_future(following())


def _line(result: ItemResult) -> bytes:
    return msgspec.json.encode(result) + b"\n"

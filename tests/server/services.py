"""A service for the time of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from octavo.server.service import Service
from octavo.server.settings import ServerSettings
from octavo.server.work import Answer, Job

from .page.fake_models import FakeModels


def with_service(models: Any, use: Callable[[Service], Awaitable[Any]], **settings: Any) -> Any:
    """What ``use`` returns of a service, which is drained afterwards."""

    async def run() -> Any:
        service = Service(models, ServerSettings(**settings))
        try:
            return await use(service)
        finally:
            await service.drain(0)

    return asyncio.run(run())


async def waiting(service: Service, job: Job, models: FakeModels) -> asyncio.Task[list[Answer]]:
    """A job that is in a translator, and waits there."""
    task = asyncio.ensure_future(service.translate(job))
    await asyncio.to_thread(models.translators[job.target].waiting.wait, 10)
    return task


async def document(service: Service, data: bytes, name: str, **options: Any) -> bytes:
    answer = await service.translate_document(data, name, **({"source": "en", "target": "de"} | options))
    return answer.content

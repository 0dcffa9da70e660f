"""Whether a service is ready, as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from octavo.server.errors import BusyError, DrainingError, ServiceError, UnsupportedPairError
from octavo.server.language_routes import LanguageRoutes
from octavo.server.operations import health
from octavo.server.operations.health import Readiness
from octavo.server.work import Job

from ..page.fake_models import Between

ENGLISH = LanguageRoutes[Any]([Between("en", "de")])


class Translating:
    """A service that translates once it may, or fails."""

    def __init__(self, error: ServiceError | None = None) -> None:
        self.error = error
        self.may = asyncio.Event()
        self.may.set()
        self.jobs: list[Job] = []
        self.languages = ENGLISH

    async def translate(self, job: Job) -> list[Any]:
        self.jobs.append(job)
        await self.may.wait()
        if self.error is not None:
            raise self.error
        return []


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_it_is_ready_once_a_sentence_is_translated() -> None:
    async def work() -> None:
        service = Translating()
        readiness = Readiness(service)
        service.may.clear()
        assert await readiness.obstacle() == "loading"
        assert await readiness.obstacle() == "loading"
        service.may.set()
        assert await readiness.wait_until_loaded() is None
        assert await readiness.obstacle() is None
        (job,) = service.jobs
        assert (job.source, job.target, len(job.texts)) == ("en", "de", 1)

    run(work())


def test_an_outcome_holds_for_some_seconds_and_many_share_one_translation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        service = Translating()
        readiness = Readiness(service)
        await readiness.wait_until_loaded()
        for _ in range(5):
            assert await readiness.obstacle() is None
        assert len(service.jobs) == 1
        monkeypatch.setattr(health, "_KEPT_SECONDS", 0.0)
        service.error = UnsupportedPairError("no")
        assert await asyncio.gather(*[readiness.obstacle() for _ in range(9)]) == ["UnsupportedPairError"] * 9
        assert len(service.jobs) == 2
        service.error = None
        assert await readiness.obstacle() is None

    run(work())


@pytest.mark.parametrize(
    ("error", "obstacle"), [(BusyError("", 1), None), (DrainingError("", 1), "draining"), (None, None)]
)
def test_a_busy_service_is_ready(error: ServiceError | None, obstacle: str | None) -> None:
    async def work() -> None:
        assert await Readiness(Translating(error)).wait_until_loaded() == obstacle

    run(work())


def test_one_that_stops_or_has_no_model_is_not_ready() -> None:
    async def work() -> None:
        service = Translating()
        service.languages = LanguageRoutes[Any]([])
        assert await Readiness(service).wait_until_loaded() == "no_model"
        service.languages = ENGLISH
        readiness = Readiness(service)
        await readiness.wait_until_loaded()
        readiness.drain()
        assert await readiness.obstacle() == "draining"

    run(work())


def test_a_translation_that_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        service = Translating()
        readiness = Readiness(service)
        await readiness.wait_until_loaded()
        monkeypatch.setattr(health, "_KEPT_SECONDS", 0.0)
        monkeypatch.setattr(health, "_MOST_SECONDS", 0.01)
        service.may.clear()
        assert await readiness.obstacle() == "slow"
        service.may.set()

    run(work())

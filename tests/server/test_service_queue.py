"""What a service does in which order, and what it gives up or refuses."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("msgspec", reason="the service needs octavo[serve]")

from octavo.engine import Call, CancelledCallError, Priority
from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    DrainingError,
)
from octavo.server.service import Service
from octavo.server.work import Answer, Job

from .page.fake_models import FakeModels
from .services import document, waiting, with_service


def test_texts_are_answered_as_they_are_done() -> None:
    models = FakeModels()

    async def order(service: Service) -> list[int]:
        found = []
        async for index, outcome in service.translate_each(Job(["wait", "a", "b"], "de", "en")):
            assert isinstance(outcome, Answer)
            found.append(index)
            if len(found) == 2:
                models.translators["de"].gate.set()
        return found

    assert with_service(models, order)[-1] == 0


@pytest.mark.parametrize("each", [False, True])
def test_work_is_given_up_when_nobody_waits_for_it(each: bool) -> None:
    models = FakeModels()

    async def leave(service: Service) -> None:
        job = Job(["wait", "wait"], "de", "en")

        async def one_by_one() -> None:
            async for _ in service.translate_each(job):
                pass

        task = asyncio.ensure_future(one_by_one() if each else service.translate(job))
        await asyncio.to_thread(models.translators["de"].waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(models.translators["de"].given_up.wait, 10)
        while service.waiting_characters:
            await asyncio.sleep(0.001)

    with_service(models, leave)


def test_the_deadline_holds_in_the_queue_and_in_the_engine() -> None:
    models = FakeModels()

    async def late(service: Service) -> None:
        results = await asyncio.gather(
            *(service.translate(Job(["wait"], "de", "en", timeout=0.1)) for _ in range(3)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [DeadlinePassedError] * 3
        found = [each async for _, each in service.translate_each(Job(["wait"] * 3, "de", "en", timeout=0.1))]
        assert [type(each) for each in found] == [DeadlinePassedError] * 3

    with_service(models, late, text_threads=1)
    assert models.translators["de"].given_up.is_set()


def test_what_is_too_much_is_refused_and_what_was_accepted_is_not_lost() -> None:
    models = FakeModels()

    async def crowd(service: Service) -> None:
        first = await waiting(service, Job(["wait"], "de", "en"), models)
        with pytest.raises(BusyError) as refused:
            await service.translate(Job(["x" * 100], "de", "en"))
        assert 1 <= refused.value.retry_after <= 60
        bulk = await service.translate(Job(["x" * 100], "de", "en", priority=Priority.BULK))
        models.translators["de"].gate.set()
        assert [answer.text for answer in await first] == ["WAIT"]
        assert [answer.text for answer in bulk] == ["X" * 100]
        alone = await service.translate(Job(["y" * 500], "de", "en"))
        assert [answer.text for answer in alone] == ["Y" * 500]
        assert service.waiting_characters == 0

    with_service(models, crowd, max_waiting_characters=100)


def test_a_drained_service_ends_what_it_accepted() -> None:
    models = FakeModels()

    async def stop(service: Service) -> None:
        job = Job(["wait"], "de", "en")
        task = await waiting(service, job, models)
        draining = asyncio.ensure_future(service.drain(30))
        await asyncio.sleep(0)
        with pytest.raises(DrainingError):
            await service.translate(job)
        models.translators["de"].gate.set()
        assert [answer.text for answer in await task] == ["WAIT"]
        await draining

    with_service(models, stop)


def test_what_is_not_done_when_the_grace_is_over_is_answered() -> None:
    models = FakeModels()

    async def stop(service: Service) -> None:
        task = await waiting(service, Job(["wait"], "de", "en"), models)
        await service.drain(0)
        with pytest.raises(DrainingError):
            await task

    with_service(models, stop)


def test_a_document_can_be_given_up_and_there_are_not_too_many() -> None:
    models = FakeModels()

    async def use(service: Service) -> None:
        call = Call()
        task = asyncio.ensure_future(document(service, b"wait", "a.txt", call=call))
        await asyncio.to_thread(models.translators["de"].waiting.wait, 10)
        with pytest.raises(BusyError, match="as many documents"):
            await document(service, b"Bako", "a.txt")
        call.cancel()
        with pytest.raises(CancelledCallError):
            await task
        assert await document(service, b"Bako", "a.txt") == b"BAKO"

    with_service(models, use, max_waiting_documents=1)

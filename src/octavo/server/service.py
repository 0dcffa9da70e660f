"""The Service: all APIs hand their work to it. It decides what is taken on, in which threads that runs, and
when it is given up."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from octavo.arguments import real_number
from octavo.engine import Call, CancelledCallError, Priority
from octavo.server.admission import Admission
from octavo.server.documents import DocumentAnswer, translate_bytes
from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    DrainingError,
    InternalError,
    RequestError,
    ServiceError,
    TooLargeError,
)
from octavo.server.failures import log_failure
from octavo.server.glossary_store import GlossaryStore
from octavo.server.language_routes import LanguageRoutes
from octavo.server.languages import ranked_languages
from octavo.server.model_pool import ModelPool
from octavo.server.observation import Observation, observed
from octavo.server.settings import ServerSettings
from octavo.server.texts import Outcome, is_short, sources_of, translate_short, translate_texts
from octavo.server.work import Answer, Job
from octavo.terms import Glossary
from octavo.translation import TranslationOptions

T = TypeVar("T")

_TEXT_COST: Final = 32
"""What an empty text counts, in characters."""

_USUAL_BEAM: Final = 4
"""A wider search counts as so many times the characters."""

_AT_ONCE: Final = 32
"""Texts of one job that are under way side by side, where each is answered as it is done."""

_log = logging.getLogger(__name__)


class _Lane:
    """Threads, and the work that waits for them."""

    def __init__(self, threads: int, most: int, name: str) -> None:
        self.admission = Admission(most)
        self.threads = ThreadPoolExecutor(threads, name)


@dataclasses.dataclass(eq=False)
class _Accepted:
    """What was taken on: one call, whose work goes through a lane, in one piece or several."""

    lane: _Lane
    call: Call
    known: Observation
    taken: float
    since: float = dataclasses.field(default_factory=time.perf_counter)
    begun: float | None = None

    def start(self, cost: int, work: Callable[[], T]) -> Future[T]:
        """Begin a piece of it. Its cost is given back when the thread is done with it."""

        def timed() -> T:
            begun = self.begun = self.begun or time.perf_counter()
            self.known.waiting = begun - self.since
            try:
                return work()
            finally:
                self.known.translating = time.perf_counter() - begun

        def ended(future: Future[T]) -> None:
            done = not future.cancelled() and future.exception() is None and not self.call.cancelled
            self.lane.admission.give_back(cost, self.taken, done=done)

        future = self.lane.threads.submit(timed)
        future.add_done_callback(ended)
        return future


class Service:
    """Translates the jobs of many clients with a set of models.

    What it accepts it answers once: with a result, or with a ServiceError. ``glossaries`` are those that
    clients have stored; only the APIs use them.
    """

    def __init__(
        self, models: ModelPool, settings: ServerSettings, glossaries: GlossaryStore | None = None
    ) -> None:
        self.models = models
        self.settings = settings
        self.glossaries = glossaries
        most = settings.max_waiting_characters
        self._texts = _Lane(settings.text_threads, most, "octavo-text")
        self._bulk = _Lane(settings.bulk_threads, most, "octavo-bulk")
        self._calls: dict[Call, int] = {}
        self._documents = 0
        self._draining = False
        self._stopped = False

    @property
    def languages(self) -> LanguageRoutes[Any]:
        """The languages between which it translates, directly or by way of a third one."""
        return self.models.languages

    @property
    def draining(self) -> bool:
        """Whether it takes no new work."""
        return self._draining

    @property
    def waiting_characters(self) -> int:
        """Of the texts that it has accepted and not done."""
        return self._texts.admission.waiting + self._bulk.admission.waiting

    @property
    def waiting_documents(self) -> int:
        """Documents that it has accepted and not done."""
        return self._documents

    async def translate(self, job: Job) -> list[Answer]:
        """Translate all texts of a job. Raises the ServiceError of the first that cannot be translated."""
        answers = []
        for outcome in await self.outcomes(job):
            if isinstance(outcome, ServiceError):
                raise outcome
            answers.append(outcome)
        return answers

    async def outcomes(self, job: Job) -> list[Outcome]:
        """What became of each text, in order: one that cannot be translated has its error, and fails alone.

        Raises ServiceError for what concerns them all. Where the awaiting task is cancelled, so is the work.
        """
        if not job.texts:
            return []
        accepted = self._accept(job)
        cost = sum(_costs(job))
        with self._under_way(accepted.call):
            outcomes = None
            if is_short(job, self.settings.max_text_characters):
                outcomes = await self._in_the_loop(accepted, cost, job)
            if outcomes is None:
                work = accepted.start(cost, self._all(job, job.texts, accepted.call))
                outcomes = await self._result(work, accepted.call)
            return _noted(accepted.known, outcomes)

    async def translate_each(self, job: Job) -> AsyncGenerator[tuple[int, Outcome], None]:
        """The index of each text and what became of it, in the order in which they are done.

        Raises ServiceError at once for what concerns them all. Close the iterator to give up what is left.
        """
        if not job.texts:
            return
        accepted = self._accept(job)
        call = accepted.call
        coming = iter(list(enumerate(zip(job.texts, _costs(job), strict=True))))
        left = sum(_costs(job))
        under_way: dict[asyncio.Future[list[Outcome]], int] = {}
        with self._under_way(call):
            try:
                while True:
                    while len(under_way) < _AT_ONCE and (following := next(coming, None)) is not None:
                        index, (text, cost) = following
                        self._check_running()
                        work = accepted.start(cost, self._all(job, [text], call))
                        left -= cost
                        under_way[asyncio.ensure_future(self._result(work, call))] = index
                    if not under_way:
                        return
                    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        (outcome,) = _noted(accepted.known, [_outcome(task)])
                        yield under_way.pop(task), outcome
            finally:
                accepted.lane.admission.give_back(left, accepted.taken, done=False)
                if under_way:
                    call.cancel()
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def detect(self, text: str) -> list[tuple[str, float]]:
        """The languages that a text may be in, of those of the models, each with its probability among them;
        the likeliest first. Raises ServiceError."""
        self._check_open()
        tags = self.languages.tags
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._texts.threads, ranked_languages, text, tags)

    async def translate_document(
        self,
        data: bytes,
        name: str,
        *,
        source: str | None,
        target: str,
        glossary: Glossary | None = None,
        search: TranslationOptions | None = None,
        progress: Callable[[int, int], None] | None = None,
        call: Call | None = None,
    ) -> DocumentAnswer:
        """A document in the target language. ``name`` is that of its file: its ending says what it is.

        ``progress`` hears, in another thread, how many of how many passages are done. ``call`` can cancel the
        work, which then raises CancelledCallError, as does the end of the awaiting task. Raises ServiceError.
        """
        self._check_open()
        if len(data) > self.settings.max_document_bytes:
            raise TooLargeError(
                f"a document may have {self.settings.max_document_bytes} bytes; this one has {len(data)}"
            )
        if self._documents >= self.settings.max_waiting_documents:
            raise BusyError("as many documents are waiting as may; try again later", 10)
        call = call or Call(priority=Priority.BULK)
        job = Job((), target, source, glossary=glossary, search=search or {}, priority=call.priority)
        self._documents += 1
        try:
            with self._under_way(call):
                accepted = _Accepted(self._bulk, call, observed(), 0.0)
                work = accepted.start(
                    0, lambda: translate_bytes(self.models, data, name, job, progress, call)
                )
                return await self._result(work, call)
        finally:
            self._documents -= 1

    async def drain(self, grace: float) -> None:
        """Take no new work, and wait until what was accepted is done, at most ``grace`` seconds. What is left
        then is given up, and raises DrainingError."""
        self._draining = True
        until = time.monotonic() + grace
        while self._calls and time.monotonic() < until:
            await asyncio.sleep(0.02)
        self._stopped = True
        for call in list(self._calls):
            call.cancel()
        for lane in (self._texts, self._bulk):
            lane.threads.shutdown(wait=False)

    def _accept(self, job: Job) -> _Accepted:
        """Take a job on, or raise ServiceError."""
        self._check_open()
        if job.source is None:
            sources_of(self.models, job.target)
            pair = ("", "")
        else:
            pair = self.models.check(job.source, job.target)
        seconds = most = self.settings.translation_timeout
        try:
            if job.timeout is not None:
                seconds = real_number("timeout", job.timeout, 0, most, " seconds")
        except ValueError as error:
            raise RequestError(str(error)) from error
        lane = self._bulk if job.priority is Priority.BULK else self._texts
        taken = lane.admission.take(sum(_costs(job)), seconds)
        known = observed()
        known.texts += len(job.texts)
        known.characters += sum(map(len, job.texts))
        known.source, known.target = pair
        return _Accepted(lane, Call(priority=job.priority, timeout=seconds), observed(), taken)

    def _all(self, job: Job, texts: Sequence[str], call: Call) -> Callable[[], list[Outcome]]:
        most = self.settings.max_text_characters
        return lambda: translate_texts(self.models, job, texts, call, most_characters=most)

    @contextmanager
    def _under_way(self, call: Call) -> Iterator[None]:
        """The call is one that ``drain`` waits for. Several pieces of work may share it."""
        self._calls[call] = self._calls.get(call, 0) + 1
        try:
            yield
        finally:
            self._calls[call] -= 1
            if not self._calls[call]:
                del self._calls[call]

    def _check_open(self) -> None:
        if self._draining:
            raise DrainingError("the service is about to stop; ask again when it has started", 5)

    def _check_running(self) -> None:
        if self._stopped:
            self._check_open()

    async def _in_the_loop(self, accepted: _Accepted, cost: int, job: Job) -> list[Outcome] | None:
        """What became of a short job, done without a thread, since to change threads takes longer than the
        work; None where it needs one. The engine ends it when its time is over."""
        begun = time.perf_counter()
        accepted.known.waiting = begun - accepted.since
        outcomes: list[Outcome] | None = None
        needs_thread = False
        try:
            with self._told(accepted.call):
                outcomes = await translate_short(self.models, job, accepted.call)
                needs_thread = outcomes is None
        finally:
            accepted.known.translating = time.perf_counter() - begun
            if not needs_thread:
                accepted.lane.admission.give_back(cost, accepted.taken, done=outcomes is not None)
        return outcomes

    async def _result(self, work: Future[T], call: Call) -> T:
        """What ``work`` returns, or the ServiceError that a client is told."""
        with self._told(call):
            async with asyncio.timeout(call.seconds_left):
                return await asyncio.wrap_future(work)

    @contextmanager
    def _told(self, call: Call) -> Iterator[None]:
        """Turn what ends the work of a call into the ServiceError that a client is told."""
        try:
            yield
        except TimeoutError:
            call.cancel()
            raise DeadlinePassedError from None
        except asyncio.CancelledError:
            call.cancel()
            raise
        except CancelledCallError:
            self._check_running()
            raise
        except ServiceError:
            raise
        except Exception as error:
            log_failure(_log, "a translation", error)
            raise InternalError from error


def _noted(known: Observation, outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes, whose tokens are now known of."""
    for outcome in outcomes:
        if isinstance(outcome, Answer):
            known.target_tokens += sum(each.target_tokens for each in outcome.translations)
    return outcomes


def _outcome(task: asyncio.Future[list[Outcome]]) -> Outcome:
    error = task.exception()
    if isinstance(error, ServiceError):
        return error
    return task.result()[0]


def _costs(job: Job) -> list[int]:
    """What each text counts, in characters: more where the search is wide."""
    beam = max(_USUAL_BEAM, job.search.get("beam") or _USUAL_BEAM)
    return [(len(text) + _TEXT_COST) * beam // _USUAL_BEAM for text in job.texts]

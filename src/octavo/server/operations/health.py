"""Whether the process runs (/livez), and whether it translates (/readyz)."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final, Protocol

from octavo.engine import Priority
from octavo.server.errors import BusyError, DrainingError, ServiceError
from octavo.server.language_routes import LanguageRoutes
from octavo.server.work import Answer, Job

_KEPT_SECONDS: Final = 3.0
_MOST_SECONDS: Final = 10.0
_TEXT: Final = "Good morning."


class Translating(Protocol):
    """What readiness asks of a service."""

    @property
    def languages(self) -> LanguageRoutes[Any]: ...
    async def translate(self, job: Job) -> list[Answer]: ...


class Readiness:
    """Whether a service translates, found out by a translation whose outcome holds for some seconds.

    The first one loads a model, so the service is ready when that is done. One that is busy is ready too.
    """

    def __init__(self, service: Translating) -> None:
        self._service = service
        self._draining = False
        self._loaded = False
        self._obstacle: str | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def drain(self) -> None:
        """From now on it is not ready."""
        self._draining = True

    async def obstacle(self) -> str | None:
        """Why it is not ready, in one word; None: it is. Never takes longer than a translation may."""
        if self._draining:
            return "draining"
        if time.monotonic() - self._asked_at >= _KEPT_SECONDS:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            if not self._loaded:
                return "loading"
            await asyncio.wait([self._asking], timeout=_MOST_SECONDS)
            if self._asking is not None:
                return "slow"
        return self._obstacle

    async def wait_until_loaded(self) -> str | None:
        """Wait for the first translation; why it failed, in one word, or None."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        await self._asking
        return self._obstacle

    async def _ask(self) -> None:
        try:
            self._obstacle = await self._translate()
            self._loaded = self._loaded or self._obstacle is None
        finally:
            self._asked_at = time.monotonic()
            self._asking = None

    async def _translate(self) -> str | None:
        try:
            first = next(self._service.languages.pairs())
            job = Job([_TEXT], target=first.target, source=first.source, priority=Priority.INTERACTIVE)
            await self._service.translate(job)
        except DrainingError:
            return "draining"
        except BusyError:
            return None
        except StopIteration:
            return "no_model"
        except ServiceError as error:
            return type(error).__name__
        return None

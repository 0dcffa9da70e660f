"""Keeps count of requests that are refused unread: in the metrics, and in the log once a second."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from octavo.server.operations import logs
from octavo.server.operations.metrics import Metrics
from octavo.server.operations.refusals import BUSY, Refusal

_SECONDS: Final = 1.0


class Refused:
    """Counts refusals, in one event loop. Under an overload a line for each would cost more than they do."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._untold: Counter[str] = Counter()

    def note(self, refusal: Refusal) -> None:
        """A request was refused."""
        self._metrics.refused(refusal.name)
        self._tell_later(refusal.name)

    def note_at_the_door(self) -> None:
        """A request was answered with BUSY before anything else saw it."""
        self._metrics.turned_away()
        self._tell_later(BUSY.name)

    def _tell_later(self, name: str) -> None:
        if not self._untold:
            asyncio.get_running_loop().call_later(_SECONDS, self._tell)
        self._untold[name] += 1

    def _tell(self) -> None:
        told = [f"{name}:{count}" for name, count in self._untold.items()]
        logs.event("refused", level=logging.WARNING, requests=told)
        self._untold.clear()

"""How much the service takes on, and when to ask again."""

from __future__ import annotations

import math
import threading
import time
from typing import Final

from octavo.server.errors import BusyError

_LONGEST_RETRY: Final = 60
_MEMORY: Final = 30.0
"""Seconds of full work after which what was measured before them counts half, and seconds without full work
after which it is forgotten."""

_FULL: Final = 0.05
"""The speed is measured while so much of the most is under way: a single short text is no measure of it."""


class Admission:
    """Counts the work that was taken and has not ended, in characters, and measures how fast it is done.

    ``most`` is the most that it takes. What is larger than that is taken where there is nothing else. Time
    is shared among the characters that wait in it, so that the share of work that is given up does not make
    the work that is done look slow. Threads may share it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting = 0
        self._done = 0.0
        self._seconds = 0.0
        self._share = 0.0  # the seconds of one character that would have waited in all full work
        self._since = self._last_full = time.monotonic()

    @property
    def waiting(self) -> int:
        """Characters that were taken and are not done."""
        return self._waiting

    def take(self, characters: int, timeout: float) -> float:
        """Take on so much more; ``give_back`` wants what this returns. Raises BusyError where that is too
        much, and where what is under way takes most of ``timeout`` seconds, so that it would be given up
        before it is done."""
        with self._lock:
            self._pass()
            before = self._waiting * self._seconds / self._done if self._done else 0.0
            if self._waiting and (self._waiting + characters > self._most or before > timeout / 2):
                raise BusyError(
                    "the service has as much to do as it takes on; try again later",
                    min(_LONGEST_RETRY, max(1, math.ceil(before / 2))),
                )
            self._waiting += characters
            return self._share

    def give_back(self, characters: int, taken: float, *, done: bool) -> None:
        """So much of what was ``taken`` has ended: it is ``done``, or was given up."""
        with self._lock:
            self._pass()
            if done and self._share > taken:
                self._done += characters
                self._seconds += characters * (self._share - taken)
                if self._seconds > _MEMORY:
                    self._seconds, self._done = self._seconds / 2, self._done / 2
            self._waiting -= characters

    def _pass(self) -> None:
        """Count the time since the last change, if there was enough to do."""
        now = time.monotonic()
        if self._waiting >= _FULL * self._most:
            self._share += (now - self._since) / self._waiting
            self._last_full = now
        elif now - self._last_full > _MEMORY:
            self._seconds = self._done = 0.0
        self._since = now

"""How a caller wants its sentences worked on: how urgently, until when, and whether still."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable

from octavo.arguments import real_number
from octavo.engine.errors import CancelledCallError, DeadlineError

_LONGEST = 7 * 24 * 3600


class Priority(enum.IntEnum):
    """What overtakes what: an INTERACTIVE sentence goes into the next vacant place of a batch, before a
    NORMAL one, and that before one of BULK."""

    BULK = 0
    NORMAL = 1
    INTERACTIVE = 2


class Call:
    """One piece of work as its caller wants it. It may be shared by several calls of an engine, and used from
    any thread.

    ``timeout`` counts seconds from now. After it, and after ``cancel``, sentences of the call that are under
    way are given up between two decoding steps, and what waits for them raises DeadlineError or
    CancelledCallError. A ``timeout`` of None never ends. Raises ValueError for one that cannot be.
    """

    def __init__(self, *, priority: Priority = Priority.NORMAL, timeout: float | None = None) -> None:
        self.priority = Priority(priority)
        seconds = None if timeout is None else real_number("timeout", timeout, 0, _LONGEST, " seconds")
        self.deadline: float | None = None if seconds is None else time.monotonic() + seconds
        """On the clock of ``time.monotonic``, in seconds; None: there is none."""
        self._cancelled = threading.Event()
        self._watchers: dict[object, Callable[[], None]] = {}

    def cancel(self) -> None:
        """Give up whatever of this call is under way. A second time does nothing."""
        self._cancelled.set()
        while self._watchers:
            try:
                _, give_up = self._watchers.popitem()
            except KeyError:  # another thread has taken the last one
                return
            give_up()

    def watch(self, give_up: Callable[[], None]) -> Callable[[], None]:
        """Have ``give_up`` called once when the call is cancelled, at once where it is already. What is
        returned ends the watch."""
        key = object()
        self._watchers[key] = give_up
        if self.cancelled:
            self.cancel()

        def unwatch() -> None:
            self._watchers.pop(key, None)

        return unwatch

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline, 0 after it; None: there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise CancelledCallError or DeadlineError where there is no point in going on."""
        if self.cancelled:
            raise CancelledCallError("the call was cancelled")
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise DeadlineError("the time that was given for the call is over")

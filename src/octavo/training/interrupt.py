"""Ctrl-C: finish the update, keep what was done, say how to go on."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

from octavo import interrupt

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The run stopped at the user's wish, after a checkpoint."""

    def __init__(self, update: int) -> None:
        super().__init__(update)
        self.add_note(
            f"Stopped after update {update}, checkpoint written; the same command goes on from there"
        )


class MeasurementStopped(Exception):
    """The user asked to stop while a model was measured: what was measured so far is dropped."""


class Interrupt:
    """While entered, SIGINT and SIGTERM are noted and do not end the process; a second one does, at once.

    A wish to stop that octavo.interrupt noted before counts too.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        self.requested = self.requested or interrupt.requested()
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, signal.SIG_DFL)

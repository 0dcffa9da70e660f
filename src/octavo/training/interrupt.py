"""Ctrl-C: finish the update, keep what was done, say how to go on."""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(Exception):
    """The run stopped at the user's wish, after a checkpoint."""

    def __init__(self, update: int) -> None:
        super().__init__(f"stopped after update {update}; the checkpoint is written")
        self.update = update


class Interrupt:
    """Notes SIGINT and SIGTERM instead of dying of them; a second one kills at once."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, signal.SIG_DFL)

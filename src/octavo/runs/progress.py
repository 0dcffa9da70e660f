"""How a long run tells what it is doing."""

from __future__ import annotations

import dataclasses
import time
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run and how long it took."""

    name: str
    seconds: float


class Progress(Protocol):
    """An object that a run tells of each stage, of the work done in it, and of what the user should know."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; ``total`` is its amount of work, None where it is not known."""

    def advance(self, done: int = 1) -> None:
        """``done`` more units of the stage's work are done."""

    def warn(self, message: str) -> None:
        """The user should read this; the run goes on."""


class Silent:
    """A Progress that ignores everything."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignored."""

    def advance(self, done: int = 1) -> None:
        """Ignored."""

    def warn(self, message: str) -> None:
        """Ignored."""


class TimedStages:
    """A Progress that hands everything on to another, and keeps how long each stage took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self._current: tuple[str, float] | None = None

    def stage(self, name: str, total: int | None) -> None:
        self._end()
        self._current = name, time.perf_counter()
        self._progress.stage(name, total)

    def advance(self, done: int = 1) -> None:
        self._progress.advance(done)

    def warn(self, message: str) -> None:
        self._progress.warn(message)

    def stages(self) -> tuple[Stage, ...]:
        """The stages so far; one that came several times counts once, with all its time."""
        self._end()
        return tuple(Stage(name, seconds) for name, seconds in self._seconds.items())

    def _end(self) -> None:
        if self._current is not None:
            name, start = self._current
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start
            self._current = None

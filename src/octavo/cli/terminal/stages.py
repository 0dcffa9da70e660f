"""Stages of a long command, one line each on standard error where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from octavo.cli.terminal.failures import note


class QuietStages:
    """Nothing is drawn; warnings are printed."""

    def stage(self, name: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, done: int = 1) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """A line on standard error."""
        note(message)


class DrawnStages:
    """Every stage has a bar; a stage that comes again goes on in its own."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._current: TaskID | None = None

    def stage(self, name: str, total: int | None) -> None:
        """Draw the bar of a stage; the one before is done."""
        self._stop()
        if name in self._tasks:
            self._current = self._tasks[name]
            self._progress.reset(self._current, total=total)
        else:
            self._current = self._tasks[name] = self._progress.add_task(name, total=total)

    def advance(self, done: int = 1) -> None:
        """Move the bar on."""
        if self._current is not None:
            self._progress.advance(self._current, done)

    def warn(self, message: str) -> None:
        """A line above the bars."""
        self._progress.console.print(f"octavo: {message}", highlight=False, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._current is not None:
            self._progress.stop_task(self._current)


@contextmanager
def drawn_stages(*, shown: bool) -> Iterator[QuietStages | DrawnStages]:
    """Stages that are drawn while the block runs, or not ``shown``."""
    if not shown:
        yield QuietStages()
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        yield DrawnStages(progress)

"""Stages of a long command, one line each on standard error where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from octavo import interrupt
from octavo.cli.terminal.progress import is_terminal
from octavo.runs.finished_steps import steps_folder


class Stages:
    """Every stage has a bar; a stage that comes again goes on in its own.

    ``stage`` and ``advance`` raise KeyboardInterrupt after Ctrl-C.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._current: TaskID | None = None

    def stage(self, name: str, total: int | None) -> None:
        """Draw the bar of a stage; the one before is done."""
        interrupt.check()
        self._stop()
        if name in self._tasks:
            self._current = self._tasks[name]
            self._progress.reset(self._current, total=total)
        else:
            self._current = self._tasks[name] = self._progress.add_task(name, total=total)

    def advance(self, done: int = 1) -> None:
        """Move the bar on."""
        interrupt.check()
        if self._current is not None:
            self._progress.advance(self._current, done)

    def warn(self, message: str) -> None:
        """A line on standard error, above the bars."""
        self._progress.console.print(f"octavo: {message}", highlight=False, markup=False, soft_wrap=True)

    def _stop(self) -> None:
        if self._current is not None:
            self._progress.stop_task(self._current)


@contextmanager
def resumable_stages(output: Path, kind: str) -> Iterator[Stages]:
    """Stages of a command of this kind, which keeps finished steps beside ``output``; Ctrl-C says where."""
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(
        *(*columns, TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
        disable=not is_terminal(sys.stderr),
    ) as progress:
        try:
            yield Stages(progress)
        except KeyboardInterrupt as error:
            if (folder := steps_folder(output, kind)).is_dir():
                error.add_note(f"finished steps are kept in {folder}: the same command goes on")
            raise


@contextmanager
def byte_stages() -> Iterator[Stages]:
    """Stages whose work is counted in bytes."""
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn()]
    with Progress(
        *(*columns, TransferSpeedColumn(), TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
        disable=not is_terminal(sys.stderr),
    ) as progress:
        yield Stages(progress)

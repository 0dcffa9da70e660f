"""How far a long command has come, on standard error where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from octavo import interrupt


class Advance(Protocol):
    """Called after each block: work done so far, in the unit of the total, and lines done so far."""

    def __call__(self, done: int, lines: int, /) -> None: ...


@contextmanager
def line_progress(what: str, total: int | None, *, shown: bool) -> Iterator[Advance]:
    """A progress line, whose advance raises KeyboardInterrupt after Ctrl-C.

    ``total`` None: the end is not known. Not ``shown``: nothing is drawn.
    """
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    if total is not None:
        columns += [BarColumn(), TaskProgressColumn()]
    columns += [TextColumn("{task.fields[lines]} lines, {task.fields[speed]}/s"), TimeElapsedColumn()]
    if total is not None:
        columns.append(TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(what, total=total, lines="0", speed="0")

        def advance(done: int, lines: int) -> None:
            interrupt.check()
            seconds = progress.tasks[0].elapsed or 0.0
            speed = f"{lines / seconds:,.0f}" if seconds else "0"
            progress.update(task, completed=done, lines=f"{lines:,}", speed=speed)

        yield advance


def is_terminal(stream: TextIO | None) -> bool:
    """True when somebody may be watching (or typing into) the stream."""
    return stream is not None and not stream.closed and stream.isatty()

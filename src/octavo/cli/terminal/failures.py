"""From an exception to one clear paragraph on standard error and an exit code."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Final, ParamSpec

import typer

from octavo.errors import OctavoError

UNEXPECTED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """``command`` with its failures reported: exit 2 for what the user can mend, 130 for Ctrl-C.

    A reader that closed the pipe got all it wanted: exit 0. Anything else is a defect of ours: exit 1.
    With OCTAVO_DEBUG=1 the traceback is printed too.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            _flush_standard_output()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            _silence_standard_output()
        except KeyboardInterrupt as error:
            raise typer.Exit(_report(error, "interrupted", INTERRUPTED)) from None
        except OctavoError as error:
            raise typer.Exit(_report(error, str(error), BAD_INPUT)) from None
        except OSError as error:
            raise typer.Exit(_report(error, _os_message(error), BAD_INPUT)) from None
        except MemoryError as error:
            raise typer.Exit(_report(error, "out of memory", UNEXPECTED)) from None
        except Exception as error:  # noqa: BLE001 - the outermost frame: report, never a bare traceback
            raise typer.Exit(_report(error, _defect_message(error), UNEXPECTED)) from None

    return run


def note(message: str) -> None:
    """Tell the user something on standard error, in one line."""
    if sys.stderr is not None:
        print(f"octavo: {message}", file=sys.stderr)


def _report(error: BaseException, message: str, code: int) -> int:
    """Print the message with the error's notes, see that standard output is settled, return the code."""
    if os.environ.get("OCTAVO_DEBUG") == "1":
        traceback.print_exception(error)
    note(". ".join([message, *getattr(error, "__notes__", [])]))
    try:
        _flush_standard_output()
    except OSError:
        _silence_standard_output()
    return code


def _os_message(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _defect_message(error: Exception) -> str:
    return (
        f"{type(error).__name__}: {error}. This is a defect of Octavo: please report it, with the traceback "
        "that OCTAVO_DEBUG=1 prints"
    )


def _flush_standard_output() -> None:
    if sys.stdout is not None:  # None where the caller closed it
        sys.stdout.flush()


def _silence_standard_output() -> None:
    """What is left in its buffer cannot be written: let the flush at exit go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # not a file of the system's, so nothing is flushed to it
        return

"""From an exception to one clear paragraph on standard error and an exit code.

Exit codes of every command: 0 done; 2 for what the user can mend, be it an option, a file or a full disk;
130 for Ctrl-C; 1 for a defect of ours or lack of memory. octavo.cli.terminal.streams says what becomes of a
command whose standard output is closed or full.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, ParamSpec

import typer

from octavo import interrupt
from octavo.cli.terminal.streams import OutputClosed
from octavo.errors import ArgumentError, ForeignModelError, OctavoError, printable

DONE: Final = 0
UNEXPECTED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

_DEFECT: Final = "This is a defect of Octavo: please report it, with the traceback that OCTAVO_DEBUG=1 prints"

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """``command`` with its failures reported, and its exit code raised as typer.Exit.

    With OCTAVO_DEBUG=1 the traceback is printed too.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            interrupt.check()
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BaseException as error:  # noqa: BLE001 - the outermost frame: report, never a bare traceback
            raise typer.Exit(_report(error, kwargs)) from None

    return run


def exit_code(program: Callable[[], object]) -> int:
    """Run a program that ends with SystemExit, report what else it raises, and return its exit code."""
    try:
        program()
        code = DONE
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else DONE
    except BaseException as error:  # noqa: BLE001 - as above
        return _report(error)
    try:
        sys.stdout.flush()
    except (OutputClosed, OctavoError) as error:
        return code or _report(error)
    return code


def note(message: str) -> None:
    """Tell the user something on standard error, in one line."""
    print(f"octavo: {printable(message)}", file=sys.stderr, flush=True)


def _report(error: BaseException, options: Collection[str] = ()) -> int:
    """Print the message of a failure with its notes, and return the exit code.

    ``options``: parameters of the command, which an ArgumentError names as the user typed them.
    """
    if os.environ.get("OCTAVO_DEBUG") == "1":
        traceback.print_exception(error)
    if isinstance(error, OutputClosed):
        return DONE
    message, code = _told(error)
    if isinstance(error, ArgumentError):
        message = re.sub(
            rf"\b({'|'.join(options)}) = ", lambda found: f"--{found[1].replace('_', '-')} ", message
        )
    note(". ".join([message, *getattr(error, "__notes__", [])]))
    return code


def _told(error: BaseException) -> tuple[str, int]:
    """The message and the exit code of a failure."""
    match error:
        case KeyboardInterrupt():
            return "interrupted", INTERRUPTED
        case ForeignModelError():
            return how_to_convert(error.path) or str(error), BAD_INPUT
        case OctavoError():
            return str(error), BAD_INPUT
        case OSError():
            return _os_message(error), BAD_INPUT
        case MemoryError():
            return "out of memory", UNEXPECTED
        case _:
            return f"{type(error).__name__}: {error}. {_DEFECT}", UNEXPECTED


def how_to_convert(path: Path) -> str | None:
    """What to do with a model of another program; None for what no family of ``octavo convert`` knows."""
    from octavo.conversion.families import family_of

    family = family_of(path)
    if family is None:
        return None
    return (
        f"{path}: is a model of another program: {family.NAME}; convert it first: "
        f"`octavo convert {path} -o NAME`"
    )


def _os_message(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason

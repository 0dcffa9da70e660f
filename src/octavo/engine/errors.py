"""What the engine refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from octavo.engine import _native
from octavo.errors import OctavoError


class EngineError(OctavoError):
    """A model, an option or an instruction set that the engine cannot run."""


class ClosedError(EngineError, ValueError):
    """A model is used after it was closed."""


class CancelledCallError(EngineError):
    """A call was cancelled by its caller before it ended."""


class DeadlineError(EngineError):
    """The time that was given for a call was over before it ended."""


class QueueFullError(EngineError):
    """The engine has as many tokens waiting as it may; what was submitted was not taken. Try again later."""


@contextmanager
def engine_errors(subject: str) -> Iterator[None]:
    """Turn what the native module raises into EngineError, ``subject`` in front, or what a caller has wished
    for into its own errors."""
    try:
        yield
    except _native.Cancelled as error:
        raise CancelledCallError(str(error)) from error
    except _native.TooLate as error:
        raise DeadlineError(str(error)) from error
    except _native.NativeError as error:
        raise EngineError(f"{subject}: {error}") from error

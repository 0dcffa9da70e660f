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


@contextmanager
def engine_errors(subject: str) -> Iterator[None]:
    """Turn what the native module raises into EngineError, ``subject`` in front."""
    try:
        yield
    except _native.NativeError as error:
        raise EngineError(f"{subject}: {error}") from error

"""What a translator and a language model have in common: a model directory at work in an engine."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from octavo.artifact import ModelDirectory
from octavo.engine.errors import ClosedError


class AnyEngine(Protocol):
    """What is needed of an engine; see octavo.engine.Engine."""

    @property
    def precision(self) -> str:
        """Its arithmetic: int8, float32 or integer."""

    @property
    def threads(self) -> int:
        """Threads it computes with."""

    def close(self) -> None:
        """Free the memory."""


EngineT = TypeVar("EngineT", bound=AnyEngine)


class LoadedModel(Generic[EngineT]):
    """A model directory and the engine that runs it. A context manager; ``close`` frees the model's memory.

    One that ``open`` made can be pickled: another process opens the same directory with the same options.
    """

    noun: ClassVar[str]
    """What messages call it."""

    def __init__(self, model: ModelDirectory, engine: EngineT) -> None:
        self.model = model
        self.precision = engine.precision
        self.threads = engine.threads
        self._engine: EngineT | None = engine
        self._reopen: functools.partial[Self] | None = None

    def _opened_by(self, path: str | os.PathLike[str] | None, **options: Any) -> Self:
        """Remember how ``open`` made this one, for pickling. A path holds also where another directory is
        the current one; None stays the model in the box."""
        place = None if path is None else Path(path).absolute()
        self._reopen = functools.partial(type(self).open, place, precision=self.precision, **options)  # type: ignore[attr-defined]
        return self

    def close(self) -> None:
        """Free the model's memory, once calls of other threads that are under way have ended.

        A second call does nothing.
        """
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _in_use(self) -> EngineT:
        """The engine. Raises ClosedError."""
        engine = self._engine
        if engine is None:
            raise ClosedError(f"the {self.noun} is closed; load the model again")
        return engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"precision={self.precision!r}, threads={self.threads}" if self._engine else "closed"
        return f"{type(self).__name__}({str(self.model.path)!r}, {state})"

    def __reduce__(self) -> tuple[functools.partial[Self], tuple[()]]:
        self._in_use()
        if self._reopen is None:
            raise TypeError(
                f"this {self.noun} was made around an engine, which no other process can have; load the "
                "model in each process instead, for instance in a pool's initializer"
            )
        return self._reopen, ()

"""What is known of the request under way: each part notes what it knows; the log and the metrics read it."""

from __future__ import annotations

import dataclasses
import time
from contextvars import ContextVar


@dataclasses.dataclass(slots=True)
class Observation:
    """One request. Nothing here holds text of a client, its key or its address.

    ``route`` is the template of a route that exists, "" where none fits. ``source`` and
    ``target`` are language tags that a model has. ``waiting`` and ``translating`` are seconds: before the
    first sentence got a thread, and from there to the last translation. ``error`` is the name of a class.
    """

    request_id: str = ""
    method: str = ""
    route: str = ""
    status: int = 0
    key_name: str | None = None
    texts: int = 0
    characters: int = 0
    source: str = ""
    target: str = ""
    target_tokens: int = 0
    waiting: float | None = None
    translating: float | None = None
    error: str = ""
    begun: float = dataclasses.field(default_factory=time.perf_counter)


_current: ContextVar[Observation | None] = ContextVar("octavo_observation", default=None)


def observed() -> Observation:
    """The request under way in this task; outside of one, an observation that nobody reads."""
    return _current.get() or Observation()


def observe(observation: Observation) -> None:
    """Make this the request under way, in this task and those that it starts."""
    _current.set(observation)

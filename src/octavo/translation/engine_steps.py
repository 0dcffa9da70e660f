"""Work that needs an engine now and then, and two ways to do it: in this thread, or in an event loop."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeAlias, TypeVar

from octavo.engine import Call, Engine, Hypothesis, SearchOptions, Term
from octavo.engine.hypothesis import TokenIds
from octavo.engine.loaded_model import AnyEngine

T = TypeVar("T")


class SearchEngine(AnyEngine, Protocol):
    """What a Translator needs of an engine; see octavo.engine.Engine."""

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,
        continuations: TokenIds | None = None,
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[list[Hypothesis]]:
        """For each source (ids without EOS) its n-best list, best first, in order."""


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """What an engine is to translate next; each field as its ``translate`` takes it."""

    sources: Sequence[TokenIds]
    options: SearchOptions
    terms: Sequence[Sequence[Term] | None] | None
    continuations: TokenIds | None
    alignments: bool
    target_prefixes: Sequence[TokenIds | None] | None = None

    def put_to(self, ask: Callable[..., T], call: Call | None) -> T:
        """What an engine's ``translate`` or ``submit`` answers."""
        return ask(
            self.sources,
            self.options,
            self.terms,
            self.continuations,
            target_prefixes=self.target_prefixes,
            alignments=self.alignments,
            call=call,
        )


Steps: TypeAlias = Generator[Query, list[list[Hypothesis]], T]
"""Work that gives queries, wants what an engine finds for each, and returns a T."""


def driven(steps: Steps[T], engine: SearchEngine, call: Call | None) -> T:
    """Do the work in this thread, which waits for the engine."""
    try:
        query = next(steps)
        while True:
            query = steps.send(query.put_to(engine.translate, call))
    except StopIteration as end:
        result: T = end.value
        return result


async def awaited(steps: Steps[T], engine: Engine, call: Call | None) -> T:
    """Do the work in this event loop, which is free while the engine works. Where the task is cancelled, the
    engine gives up what is under way."""
    try:
        query = next(steps)
        while True:
            futures = query.put_to(engine.submit, call)
            try:
                found = await asyncio.gather(*map(asyncio.wrap_future, futures))
            finally:
                for future in futures:
                    future.cancel()
            query = steps.send(found)
    except StopIteration as end:
        result: T = end.value
        return result

"""Futures of what was submitted to an engine, and the thread that keeps their promises."""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from octavo.engine.call import Call
from octavo.engine.errors import EngineError, QueueFullError, engine_errors
from octavo.engine.hypothesis import Hypothesis, hypotheses


class _SentenceFuture(Future[list[Hypothesis]]):
    """The hypotheses of one sentence. To cancel it gives the sentence up, also where it is under way."""

    def __init__(self, give_up: Callable[[], None]) -> None:
        super().__init__()
        self._give_up: Callable[[], None] | None = give_up

    def cancel(self) -> bool:
        cancelled = super().cancel()
        give_up, self._give_up = self._give_up, None
        if cancelled and give_up is not None:
            give_up()
        return cancelled

    def end(self, outcome: Callable[[], list[Hypothesis]]) -> None:
        """The sentence has ended: have what ``outcome`` returns or raises."""
        self._give_up = None
        if not self.set_running_or_notify_cancel():
            return
        try:
            found = outcome()
        except (EngineError, MemoryError) as error:
            self.set_exception(error)
        else:
            self.set_result(found)


@dataclasses.dataclass
class _Submitted:
    request: Any
    futures: list[_SentenceFuture]
    unwatch: Callable[[], None]
    left: int

    def end(self, sentence: int) -> None:
        def outcome() -> list[Hypothesis]:
            with engine_errors("translation"):
                return hypotheses(self.request, sentence)

        self.futures[sentence].end(outcome)
        self.left -= 1
        if self.left == 0:
            self.unwatch()


class Submissions:
    """What was submitted to one native engine. Its thread lives as long as ``owner``, or until ``close``, and
    then until all has ended that was submitted."""

    def __init__(self, native: Any, owner: object) -> None:
        self._under_way: dict[int, _Submitted] = {}
        self._native = native
        self.close = weakref.finalize(owner, native.finish_collecting)
        self.close.atexit = False
        threading.Thread(
            target=_collect, args=(native, self._under_way), name="octavo-engine", daemon=True
        ).start()

    def add(self, request: Any, sentences: int, call: Call | None, most_tokens: int) -> list[_SentenceFuture]:
        """A future for each sentence of the request. Raises QueueFullError."""
        native = self._native

        def giving_up(sentence: int) -> Callable[[], None]:
            return lambda: native.cancel(request, sentence)

        futures = [_SentenceFuture(giving_up(i)) for i in range(sentences)]
        if not futures:
            return futures
        unwatch = (call or Call()).watch(lambda: native.cancel(request))
        self._under_way[request.key] = _Submitted(request, futures, unwatch, sentences)
        taken = False
        try:
            taken = native.submit(request, most_tokens)
        finally:
            if not taken:
                unwatch()
                del self._under_way[request.key]
        if not taken:
            raise QueueFullError(
                f"more than {most_tokens} tokens would wait (queue_tokens); try again when some have ended"
            )
        return futures


def _collect(native: Any, under_way: dict[int, _Submitted]) -> None:
    while (found := native.collect()) is not None:
        key, sentences = found
        submitted = under_way[key]
        for sentence in sentences:
            submitted.end(sentence)
        if submitted.left == 0:
            del under_way[key]

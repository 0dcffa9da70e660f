"""How many requests are under way, in all and of each API key; who may come in."""

from __future__ import annotations

from collections import Counter

from octavo.server.operations.refusals import BUSY, DRAINING, TOO_MANY, Refusal


class Gate:
    """Counts requests and the bytes of bodies that are being read; all of it in one event loop.

    ``max_requests`` may be under way at once, ``max_requests_per_key`` of one key; ``max_bytes`` of bodies
    may be held for them.
    """

    def __init__(self, max_requests: int, max_requests_per_key: int, max_bytes: int) -> None:
        self.max_requests = max_requests
        self.max_requests_per_key = max_requests_per_key
        self.max_bytes = max_bytes
        self.under_way = 0
        self.bytes_held = 0
        self.closed = False
        """Whether the service is about to stop, and lets nobody in."""
        self._of_key: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether no request of anybody would be let in, and one may ask again."""
        return self.under_way >= self.max_requests and not self.closed

    def obstacle(self, key_name: str | None) -> Refusal | None:
        """Why a request would not be let in now; None where it would."""
        if self.closed:
            return DRAINING
        if self.under_way >= self.max_requests:
            return BUSY
        if key_name is not None and self._of_key[key_name] >= self.max_requests_per_key:
            return TOO_MANY
        return None

    def enter(self, key_name: str | None) -> None:
        """Let a request in, for which there is no obstacle."""
        self.under_way += 1
        if key_name is not None:
            self._of_key[key_name] += 1

    def leave(self, key_name: str | None) -> None:
        """A request that was let in has been answered."""
        self.under_way -= 1
        if key_name is not None:
            self._of_key[key_name] -= 1
            if not self._of_key[key_name]:
                del self._of_key[key_name]

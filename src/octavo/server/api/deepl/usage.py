"""What clients of DeepL's API have had translated, and how much they may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from octavo.server.errors import QuotaError

UNLIMITED: Final = 1_000_000_000_000
"""What DeepL states for accounts without a limit."""

_EXCEEDED: Final = "Quota exceeded: the service has translated as many characters as it may"


class Usage:
    """Characters of source texts since the service started, counted as Unicode code points; at most
    ``limit``, where there is one. It is used in one event loop."""

    def __init__(self, limit: int | None) -> None:
        self.limit = UNLIMITED if limit is None else limit
        self.characters = 0

    def check(self) -> None:
        """Raises QuotaError where no character is left."""
        if self.characters >= self.limit:
            raise QuotaError(_EXCEEDED)

    def add(self, characters: int) -> None:
        """Count what has been translated."""
        self.characters += characters

    @contextmanager
    def charged(self, characters: int) -> Iterator[None]:
        """Count so many characters for the work of the block, but not where that fails. Raises QuotaError,
        where they are more than are left."""
        if self.characters + characters > self.limit:
            raise QuotaError(_EXCEEDED)
        self.characters += characters
        try:
            yield
        except BaseException:
            self.characters -= characters
            raise

"""How a long calibration tells what it is doing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears of every stage as it begins, of the work done in it, and of what the user should know."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; ``total`` is its amount of work, None where it is not known."""

    def advance(self, done: int = 1) -> None:
        """So much more of the stage is done."""

    def warn(self, message: str) -> None:
        """Something the user should look at; the run goes on."""


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignored."""

    def advance(self, done: int = 1) -> None:
        """Ignored."""

    def warn(self, message: str) -> None:
        """Ignored."""

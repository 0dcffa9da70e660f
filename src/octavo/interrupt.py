"""A wish to stop, which long loops look at: they end between two steps, never in the middle of one.

Standard library only. The command line notes Ctrl-C here (octavo.cli.terminal.signals). Nothing else does: in
a program that imports Octavo, Ctrl-C raises KeyboardInterrupt as Python does.
"""

from __future__ import annotations

_requested = False


def request() -> None:
    """Note that the user wishes to stop. A signal handler may call it."""
    global _requested
    _requested = True


def withdraw() -> None:
    """Forget the wish."""
    global _requested
    _requested = False


def requested() -> bool:
    """Whether the user wishes to stop."""
    return _requested


def check() -> None:
    """Raise KeyboardInterrupt if the user wishes to stop. The engine calls it about 20 times a second."""
    if _requested:
        raise KeyboardInterrupt

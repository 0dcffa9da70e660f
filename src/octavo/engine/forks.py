"""Forks: a child process has the parent's engines and text sessions, but only the thread that forked."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from octavo.engine import _native


class _Forked(Protocol):
    def after_fork(self) -> None:
        """Prepare for work in the child process."""


_known: weakref.WeakSet[_Forked] = weakref.WeakSet()


def tell_of_forks(forked: _Forked) -> None:
    """Have ``forked.after_fork()`` called in every child process, while it has a single thread."""
    _known.add(forked)


def _after_fork_in_child() -> None:
    _native.after_fork()
    for forked in list(_known):
        forked.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

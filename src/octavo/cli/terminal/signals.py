"""Ctrl-C: the first asks the command to stop at a good moment, a second one ends the process at once."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from octavo import interrupt

_wakeup: int | None = None  # readable once a signal has come


@contextmanager
def stopping_on_interrupt() -> Iterator[None]:
    """Note SIGINT in octavo.interrupt while the block runs. Ignored, as under nohup, it stays ignored."""
    global _wakeup
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    interrupt.withdraw()
    _wakeup, written = os.pipe()
    os.set_blocking(written, False)
    descriptor_before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    handler_before = signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler_before)
        signal.set_wakeup_fd(descriptor_before)
        os.close(_wakeup)
        os.close(written)
        _wakeup = None
        interrupt.withdraw()


@contextmanager
def raising_on_interrupt() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt at once while the block runs, which may wait for a network."""
    before = signal.getsignal(signal.SIGINT)
    if before is not _note or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _note(number: int, _frame: FrameType | None) -> None:
    interrupt.request()
    signal.signal(number, signal.SIG_DFL)


def wait_for_input(descriptor: int) -> None:
    """Block until the descriptor is readable. Raises KeyboardInterrupt after Ctrl-C."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if _wakeup is not None:
        poll.register(_wakeup, select.POLLIN)
    poll.poll()
    interrupt.check()

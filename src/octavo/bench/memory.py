"""Peak memory of a piece of work, in a process of its own."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from octavo import interrupt
from octavo.bench.measure import run_once
from octavo.bench.resident import forget_peak, peak_resident_bytes
from octavo.bench.subject import Subject
from octavo.bench.work import Work

if TYPE_CHECKING:
    from octavo.engine.precision import Precision

_SECONDS_BETWEEN_LOOKS: Final = 0.1


def peak_memory_bytes(
    subject: Subject, precision: Precision, threads: int, work: Work, *, latency: bool = False
) -> int:
    """Largest resident set of a process while it does the work, model and interpreter included.

    On Linux the making of random weights before it does not count.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_leave_interrupts_to_parent) as process:
        measured = process.submit(_measure, subject, precision, threads, work, latency)
        try:
            while wait([measured], timeout=_SECONDS_BETWEEN_LOOKS).not_done:
                interrupt.check()
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.kill()
            raise
        return measured.result()


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _measure(subject: Subject, precision: Precision, threads: int, work: Work, latency: bool) -> int:
    engine = subject.engine(precision, threads, latency=latency)
    forget_peak()
    run_once(engine, work, latency=latency)
    return peak_resident_bytes()

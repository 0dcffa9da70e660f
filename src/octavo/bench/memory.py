"""Peak memory of a piece of work, in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from octavo.bench.measure import run_once
from octavo.bench.subject import Subject
from octavo.bench.work import Work

if TYPE_CHECKING:
    from octavo.engine.engine import Precision

_PROC: Final = Path("/proc/self")


def peak_memory_bytes(
    subject: Subject, precision: Precision, threads: int, work: Work, *, latency: bool = False
) -> int:
    """Largest resident set of a process while it does the work, model and interpreter included.

    On Linux the making of random weights before it does not count.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_measure, subject, precision, threads, work, latency).result()


def _measure(subject: Subject, precision: Precision, threads: int, work: Work, latency: bool) -> int:
    engine = subject.engine(precision, threads)
    forget_peak()
    run_once(engine, work, latency=latency)
    return peak_resident_bytes()


def forget_peak() -> None:
    """Hand freed memory back and start this process's peak anew, where the system can."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text("5", encoding="ascii")


def peak_resident_bytes() -> int:
    """Largest resident set of this process, since ``forget_peak`` where the system can tell."""
    try:
        status = (_PROC / "status").read_text(encoding="utf-8")
        return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest * (1 if sys.platform == "darwin" else 1024)

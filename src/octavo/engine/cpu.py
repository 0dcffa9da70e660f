"""What this CPU can run."""

from __future__ import annotations

import dataclasses
import os
from typing import TypedDict

from octavo.engine import _native
from octavo.engine.errors import EngineError


class CpuReport(TypedDict):
    """``isa``: the kernel tier in use; ``available``: those this CPU can run, best last; ``unavailable``: the
    others of this build, and why each cannot run; ``features``: what the CPU has of all that tiers need."""

    isa: str
    available: list[str]
    unavailable: dict[str, str]
    features: list[str]


def active_isa() -> str:
    """The kernel tier that OCTAVO_ISA names, or the best. Raises EngineError for one it cannot have."""
    try:
        return str(_native.active_isa())
    except _native.NativeError as error:
        raise EngineError(str(error)) from error


def cpu_report() -> CpuReport:
    """Kernel tiers and CPU features. Raises EngineError when OCTAVO_ISA names a tier it cannot have."""
    isa = active_isa()
    reasons = dict(_native.isas())
    return {
        "isa": isa,
        "available": [name for name, reason in reasons.items() if not reason],
        "unavailable": {name: reason for name, reason in reasons.items() if reason},
        "features": _native.cpu_features(),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Peak:
    """Multiply-adds per second that instructions reach on registers alone; 0: the tier has no probe."""

    float32: float
    int8: float


def measure_peak(isa: str, threads: int) -> Peak:
    """The limit of a kernel tier's products while ``threads`` threads (1 to 1024) run at once.

    Takes a fraction of a second. Raises EngineError for a tier that is unknown or not available.
    """
    try:
        float32, int8 = _native.peak(isa, threads)
    except _native.NativeError as error:
        raise EngineError(str(error)) from error
    return Peak(1e9 * float32, 1e9 * int8)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""What this CPU can run."""

from __future__ import annotations

import os
from typing import TypedDict

from octavo.engine import _native
from octavo.engine.errors import EngineError


class CpuReport(TypedDict):
    """``isa``: the kernel tier in use; ``available``: those this CPU can run, best last."""

    isa: str
    available: list[str]
    features: list[str]


def cpu_report() -> CpuReport:
    """Kernel tiers and CPU features. Raises EngineError when OCTAVO_ISA names a tier it cannot have."""
    try:
        isa = _native.active_isa()
    except _native.NativeError as error:
        raise EngineError(str(error)) from error
    return {"isa": isa, "available": _native.available_isas(), "features": _native.cpu_features()}


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

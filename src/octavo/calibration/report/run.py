"""Where and when a run was made."""

from __future__ import annotations

import datetime as dt

import octavo
from octavo.calibration.report.data import Run
from octavo.engine import cpu_report
from octavo.engine.cpu import available_cores
from octavo.machine import cpu_model
from octavo.runs.progress import Stage


def this_run(threads: int, stages: tuple[Stage, ...]) -> Run:
    """The run of this process, today. ``threads``: 0 for one on each core."""
    return Run(
        octavo_version=octavo.__version__,
        machine=cpu_model(),
        isa=str(cpu_report()["isa"]),
        threads=threads or available_cores(),
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        stages=stages,
    )

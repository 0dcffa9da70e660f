"""The native engine: token ids in, hypotheses out. The only importer of the native module."""

from octavo.engine.cpu import CpuReport, Peak, cpu_report, measure_peak
from octavo.engine.engine import Engine, Hypothesis, ProductTrace, default_precision
from octavo.engine.errors import EngineError
from octavo.engine.options import SearchOptions

__all__ = [
    "CpuReport",
    "Engine",
    "EngineError",
    "Hypothesis",
    "Peak",
    "ProductTrace",
    "SearchOptions",
    "cpu_report",
    "default_precision",
    "measure_peak",
]

"""The native engine: token ids in, hypotheses out. The only importer of the native module."""

from octavo.engine.cpu import CpuReport, cpu_report
from octavo.engine.engine import Engine, Hypothesis, ProductTrace
from octavo.engine.errors import EngineError
from octavo.engine.options import SearchOptions

__all__ = [
    "CpuReport",
    "Engine",
    "EngineError",
    "Hypothesis",
    "ProductTrace",
    "SearchOptions",
    "cpu_report",
]

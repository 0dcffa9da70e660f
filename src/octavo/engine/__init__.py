"""The native engine: token ids in; hypotheses, scores or logits out. Only it imports the native module."""

from octavo.engine.call import Call, Priority
from octavo.engine.cpu import CpuReport, Peak, cpu_report, measure_peak
from octavo.engine.engine import MAX_TERMS, Activity, Engine, ProductTrace, Term
from octavo.engine.errors import (
    CancelledCallError,
    ClosedError,
    DeadlineError,
    EngineError,
    QueueFullError,
)
from octavo.engine.hypothesis import Hypothesis
from octavo.engine.loaded_model import LoadedModel
from octavo.engine.precision import default_precision
from octavo.engine.text_session import Feed, Sampler, SamplingOptions, TextSession
from octavo.model.search import SearchOptions

__all__ = [
    "MAX_TERMS",
    "Activity",
    "Call",
    "CancelledCallError",
    "ClosedError",
    "CpuReport",
    "DeadlineError",
    "Engine",
    "EngineError",
    "Feed",
    "Hypothesis",
    "LoadedModel",
    "Peak",
    "Priority",
    "ProductTrace",
    "QueueFullError",
    "Sampler",
    "SamplingOptions",
    "SearchOptions",
    "Term",
    "TextSession",
    "cpu_report",
    "default_precision",
    "measure_peak",
]

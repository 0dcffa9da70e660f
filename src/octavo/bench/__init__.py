"""How fast this machine translates, and how near that is to what it could do.

Depends on: octavo.calibration, octavo.quantization, octavo.translation, octavo.engine, octavo.artifact,
octavo.plan, octavo.spec.
"""

from octavo.bench.measure import Figures, Pass, figures, measure
from octavo.bench.memory import peak_memory_bytes
from octavo.bench.multiply_adds import MultiplyAdds, multiply_adds
from octavo.bench.shapes import Shape
from octavo.bench.subject import Subject
from octavo.bench.work import Work, forced_options, random_sources

__all__ = [
    "Figures",
    "MultiplyAdds",
    "Pass",
    "Shape",
    "Subject",
    "Work",
    "figures",
    "forced_options",
    "measure",
    "multiply_adds",
    "peak_memory_bytes",
    "random_sources",
]

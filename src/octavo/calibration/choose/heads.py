"""Which heads of a quantized model align."""

from __future__ import annotations

from octavo.alignment.choose import choose_heads
from octavo.artifact import ModelDirectory
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.engine.precision import default_precision
from octavo.model.alignment_heads import AlignmentHeads
from octavo.quantization.tensor_model import TensorModel


def alignment_heads(
    source: ModelDirectory, quantized: TensorModel, pairs: Pairs | None, threads: int
) -> AlignmentHeads | None:
    """Those of the model ``source`` that was quantized or, where it names none, those that align ``pairs``
    best in the quantized model. None for a language model, and where there is too little text to choose by.
    """
    if source.alignment or pairs is None or source.config.is_language_model:
        return source.alignment
    engine = Engine(quantized, precision=default_precision(quantized), threads=threads)
    try:
        choice = choose_heads(engine, pairs.sources, pairs.targets)
    finally:
        engine.close()
    return choice.heads if choice else None

"""What an engine is made from, and the precision that it runs in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy.typing as npt

from octavo.engine.errors import EngineError
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.integer_format import IntegerScales, integer_obstacle
from octavo.model.plan import QuantizationPlan

Precision = Literal["float32", "int8", "integer"]

_PRECISIONS: Final = ("float32", "int8", "integer")


class Model(Protocol):
    """What an engine is made from: ``octavo.artifact.ModelDirectory``, or tensors in memory.

    ``plan`` is None for a floating-point model and for one of scheme ``integer``, which alone has
    ``integer_scales``; ``alignment`` is None where no heads are known that align; ``path`` names the model in
    messages.
    """

    @property
    def path(self) -> Path | str: ...
    @property
    def config(self) -> ModelConfig: ...
    @property
    def plan(self) -> QuantizationPlan | None: ...
    @property
    def integer_scales(self) -> IntegerScales | None: ...
    @property
    def alignment(self) -> AlignmentHeads | None: ...
    def tensor_reader(self) -> AbstractContextManager[Callable[[str], npt.NDArray[Any]]]: ...


def default_precision(model: Model) -> Precision:
    """What a model runs in unless it is told otherwise: what it is stored for."""
    if model.integer_scales is not None:
        return "integer"
    return "float32" if model.plan is None else "int8"


def check_precision(model: Model, precision: str) -> None:
    """Raise EngineError, saying what to do, unless the model runs in that precision."""
    if precision not in _PRECISIONS:
        raise EngineError(f"precision {precision!r}: must be float32, int8 or integer")
    if model.integer_scales is not None:
        if precision != "integer":
            raise EngineError(f"{model.path}: holds integers only; run it in integer, not in {precision}")
        return
    obstacle = integer_obstacle(model.config)
    part = model.config.integer_transformer_part
    command = "perplexity" if model.config.is_language_model else "evaluate"
    reference = f"`octavo {command} --engine pytorch` runs it"
    if precision == "integer" and obstacle:
        others = "int8 or float32" if model.plan else "float32"
        remedy = reference if part else f"run it in {others}"
        raise EngineError(f"{model.path}: has {obstacle}, which does not run in integer; {remedy}")
    if precision == "integer":
        raise EngineError(f"{model.path}: is a floating-point model; for integer, run `octavo quantize`")
    if part:
        remedy = reference if obstacle else f"run `octavo quantize` for integer, or {reference}"
        raise EngineError(
            f"{model.path}: has {part}, and the engine runs softmax attention and layer norm only; {remedy}"
        )
    if precision == "int8" and model.plan is None:
        raise EngineError(f"{model.path}: is a floating-point model; for int8, run `octavo quantize`")

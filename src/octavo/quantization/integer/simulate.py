"""Whole models, one sentence at a time: the oracle of precision ``integer``, and what calibration watches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.quantization.integer.dynamic import DynamicArithmetic, DynamicForm
from octavo.quantization.integer.forward import ForwardPass, source_tokens, target_tokens
from octavo.quantization.integer.real import RealArithmetic, RealArray, Visit
from octavo.quantization.integer.static import Product, StaticArithmetic
from octavo.quantization.tensor_model import Model


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Logits int32 [len(target) + 1, target vocabulary]; weight products in the order computed."""

    logits: npt.NDArray[np.int32]
    products: tuple[Product, ...]


class StaticSimulation:
    """Runs a model of scheme ``integer``. Raises QuantizationError for one of another scheme."""

    def __init__(self, model: Model) -> None:
        self._arithmetic = StaticArithmetic(model)
        self._forward = ForwardPass(model.config, self._arithmetic)

    def run(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> Result:
        """Logits after decoder_start_id and after each target token, and the sums of every weight product.

        ``source_ids`` come without EOS. Raises QuantizationError for an empty source, an unknown token or
        more tokens than positions, and for a damaged model.
        """
        found: list[Product] = []
        self._arithmetic.products = found
        try:
            return Result(self.logits(source_ids, target_ids), tuple(found))
        finally:
            self._arithmetic.products = None

    def logits(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> npt.NDArray[np.int32]:
        """The logits alone. Raises QuantizationError as ``run``."""
        logits: npt.NDArray[np.int32] = _logits(self._forward, source_ids, target_ids).astype(np.int32)
        return logits


class RealSimulation:
    """Runs a float Integer Transformer in ``dtype``; ``visit`` hears the rows of every site.

    Raises QuantizationError for another architecture.
    """

    def __init__(self, model: Model, visit: Visit | None = None, dtype: type[Any] = np.float64) -> None:
        self._forward = ForwardPass(model.config, RealArithmetic(model, visit, dtype))

    def logits(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> RealArray:
        """Logits [len(target) + 1, target vocabulary]. Raises QuantizationError as the static form does."""
        return _logits(self._forward, source_ids, target_ids)


class DynamicSimulation:
    """Runs a float Integer Transformer in the paper's form: integers that carry their scales.

    Raises QuantizationError for another architecture.
    """

    def __init__(self, model: Model, form: DynamicForm | None = None) -> None:
        self._forward = ForwardPass(model.config, DynamicArithmetic(model, form))

    def logits(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> npt.NDArray[np.float64]:
        """Logits [len(target) + 1, target vocabulary], de-quantized. Raises as the other forms do."""
        config = self._forward.config
        source, target = source_tokens(config, source_ids), target_tokens(config, target_ids)
        logits: npt.NDArray[np.float64] = self._forward.logits(source, target).dequantize()[0]
        return logits


def _logits(
    forward: ForwardPass[npt.NDArray[Any]], source_ids: Sequence[int], target_ids: Sequence[int]
) -> npt.NDArray[Any]:
    source = source_tokens(forward.config, source_ids)
    logits: npt.NDArray[Any] = forward.logits(source, target_tokens(forward.config, target_ids))[0]
    return logits

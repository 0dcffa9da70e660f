"""A whole model of scheme ``integer`` in numpy: the oracle of the engine's integer precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from octavo.integer import ForwardPass
from octavo.quantization.tensor_model import TensorSource
from octavo.simulation.integer_arithmetic import IntegerProduct, StaticArithmetic


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class IntegerResult:
    """Logits int32 [len(target) + 1, target vocabulary]; weight products in the order computed."""

    logits: npt.NDArray[np.int32]
    products: tuple[IntegerProduct, ...]


class IntegerSimulation:
    """Runs a model of scheme ``integer``. Raises QuantizationError for one of another scheme."""

    def __init__(self, model: TensorSource) -> None:
        self._arithmetic = StaticArithmetic(model)
        self._forward = ForwardPass(model.config, self._arithmetic)

    def run(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> IntegerResult:
        """Logits after decoder_start_id and after each target token, and the sums of every weight product.

        ``source_ids`` come without EOS. Raises QuantizationError for an empty source, an unknown token or
        more tokens than positions, and for a damaged model.
        """
        found: list[IntegerProduct] = []
        self._arithmetic.products = found
        try:
            return IntegerResult(self.logits(source_ids, target_ids), tuple(found))
        finally:
            self._arithmetic.products = None

    def logits(self, source_ids: Sequence[int], target_ids: Sequence[int]) -> npt.NDArray[np.int32]:
        """The logits alone. Raises QuantizationError as ``run``."""
        logits: npt.NDArray[np.int32] = self._forward.forced(source_ids, target_ids)[0].astype(np.int32)
        return logits

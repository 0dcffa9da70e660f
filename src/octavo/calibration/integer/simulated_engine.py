"""A floating-point Integer Transformer, which the engine does not run, as calibration needs one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from octavo.calibration.observe.observations import Visit
from octavo.engine.hypothesis import TokenIds
from octavo.integer import RealTransformer
from octavo.quantization.tensor_model import TensorSource


class SimulatedEngine:
    """The model in numpy, in binary32. Raises QuantizationError for one that does not run in integers."""

    def __init__(self, model: TensorSource) -> None:
        self._model = model
        self._simulation = RealTransformer(model, dtype=np.float32)

    def observe(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], visit: Visit) -> None:
        """As ``octavo.engine.Engine.observe``, without attention weights; the residual streams are
        encoder.residual and decoder.residual."""
        simulation = RealTransformer(self._model, visit, np.float32)
        for source, target in zip(sources, targets, strict=True):
            simulation.logits(source.tolist(), target.tolist())

    def forced_logits(
        self, sources: Sequence[TokenIds], targets: Sequence[TokenIds]
    ) -> list[npt.NDArray[np.float32]]:
        """float32 [len(target) + 1, vocabulary] for each pair."""
        pairs = zip(sources, targets, strict=True)
        return [self._simulation.logits(source.tolist(), target.tolist()) for source, target in pairs]

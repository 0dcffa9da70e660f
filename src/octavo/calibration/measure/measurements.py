"""What a run measures on the engine, each thing once: divergence from float32, and the dev set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from octavo.artifact import ModelDirectory
from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.measure.dev_text import DevResult, DevText, dev_result_from_dict, dev_result_to_dict
from octavo.calibration.measure.float32_predictions import Float32Predictions
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.engine.engine import Model, Precision
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Progress


@contextmanager
def opened(model: Model, precision: Precision, threads: int) -> Iterator[Engine]:
    """An engine for as long as it is needed."""
    engine = Engine(model, precision=precision, threads=threads)
    try:
        yield engine
    finally:
        engine.close()


class Measurements:
    """Measures candidates of ``model`` against its float32, and remembers every result in ``steps``.

    ``held_out``: the pairs that divergence is measured on. ``threads``: as Engine takes them.
    """

    def __init__(
        self,
        model: ModelDirectory,
        held_out: Pairs,
        steps: FinishedSteps,
        progress: Progress,
        *,
        threads: int = 0,
    ) -> None:
        self.model = model
        self.held_out = held_out
        self._steps = steps
        self._progress = progress
        self._threads = threads
        self._predictions: Float32Predictions | None = None

    def engine(self, model: Model, precision: Precision) -> AbstractContextManager[Engine]:
        """An engine for as long as it is needed."""
        return opened(model, precision, self._threads)

    def divergence(self, candidate: Candidate, float32: frozenset[str]) -> float:
        """KL per target token, in nats, of the candidate with these products in float32."""

        def compute() -> float:
            reference = self._float32_predictions()
            with self.engine(candidate.model(float32), "int8") as engine:
                return reference.divergence(engine)

        inputs = candidate.identity() | {"float32": sorted(float32)}
        return float(self._steps.value("divergence", inputs, compute))

    def dev_in_float32(self, dev: DevText) -> DevResult:
        """The dev set by the original model."""
        return self._dev(dev, self.model, "float32", {"precision": "float32"})

    def dev(self, dev: DevText, candidate: Candidate, float32: frozenset[str]) -> DevResult:
        """The dev set by the candidate with these products in float32."""
        return self._dev(
            dev, candidate.model(float32), "int8", candidate.identity() | {"float32": sorted(float32)}
        )

    def _dev(self, dev: DevText, model: Model, precision: Precision, inputs: dict[str, Any]) -> DevResult:
        def compute() -> dict[str, Any]:
            engine = Engine(model, precision=precision, threads=self._threads)
            return dev_result_to_dict(dev.measure(self.model, engine, self._progress))

        found = self._steps.value("dev", inputs | {"dev": dev.checksum()}, compute)
        return dev_result_from_dict(found)

    def _float32_predictions(self) -> Float32Predictions:
        if self._predictions is None:
            with self.engine(self.model, "float32") as engine:
                vocabulary = self.model.config.target_vocab_size
                self._predictions = Float32Predictions(engine, self.held_out, vocabulary)
        return self._predictions

"""What a run measures on the engine, each thing once: divergence from float32, and the dev set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from octavo.artifact import ModelDirectory
from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.measure.float32_predictions import Float32Predictions
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.engine.precision import Model, Precision
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
    """Measures candidates of ``model`` against the float32 model; ``steps`` keeps every result.

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
        self.steps = steps
        self._progress = progress
        self._threads = threads
        self._predictions = Float32Predictions(
            lambda: self.engine(model, "float32"), held_out, model.config.target_vocab_size
        )

    def engine(self, model: Model, precision: Precision) -> AbstractContextManager[Engine]:
        """An engine for as long as it is needed."""
        return opened(model, precision, self._threads)

    def divergence(self, candidate: Candidate, float32: frozenset[str]) -> float:
        """KL per target token, in nats, of the candidate with these products in float32."""
        return self._predictions.divergence(
            lambda: self.engine(candidate.model(float32), "int8"),
            self.steps,
            candidate.identity() | {"float32": sorted(float32)},
        )

    def dev_in_float32(self, dev: DevText) -> DevResult:
        """The dev set, translated by the original model."""
        return self._dev(dev, lambda: Engine(self.model, precision="float32", threads=self._threads), {})

    def dev(self, dev: DevText, candidate: Candidate, float32: frozenset[str]) -> DevResult:
        """The dev set, translated by the candidate with these products in float32."""
        return self._dev(
            dev,
            lambda: Engine(candidate.model(float32), precision="int8", threads=self._threads),
            candidate.identity() | {"float32": sorted(float32)},
        )

    def _dev(self, dev: DevText, engine: Callable[[], Engine], inputs: dict[str, Any]) -> DevResult:
        return dev.measure(self.model, engine, self._progress, self.steps, inputs)

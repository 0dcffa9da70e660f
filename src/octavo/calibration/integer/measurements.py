"""What a model of integers is measured by: its predictions, loss and translations beside those of float32."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from octavo.artifact import ModelDirectory
from octavo.calibration.choose.gate import Target
from octavo.calibration.errors import GateError
from octavo.calibration.integer.loss import DevLoss, dev_pairs, measure_loss
from octavo.calibration.integer.simulated_engine import SimulatedEngine
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.measure.float32_predictions import Float32Predictions
from octavo.calibration.measure.measurements import opened
from octavo.calibration.report.comparison import DevComparison
from octavo.calibration.report.data import Verdict
from octavo.calibration.text.pairs import Pairs
from octavo.engine import Engine
from octavo.evaluation.reference_engine import ReferenceEngine
from octavo.quantization import TensorModel
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Progress
from octavo.translation import SearchEngine


class IntegerMeasurements:
    """Measures ``frozen`` in the engine against ``model``: its predictions in numpy, its translations by the
    PyTorch reference. ``steps`` remembers every result."""

    def __init__(
        self,
        model: ModelDirectory,
        simulated: SimulatedEngine,
        frozen: TensorModel,
        steps: FinishedSteps,
        progress: Progress,
        threads: int,
    ) -> None:
        self._model = model
        self._simulated = simulated
        self._frozen = frozen
        self._steps = steps
        self._progress = progress
        self._threads = threads

    def divergence(self, held_out: Pairs) -> float:
        """KL from float32 in nats per target token."""

        self._progress.stage("Comparing predictions", None)
        predictions = Float32Predictions(
            lambda: contextlib.nullcontext(self._simulated), held_out, self._model.config.target_vocab_size
        )
        return predictions.divergence(lambda: opened(self._frozen, "integer", self._threads), self._steps)

    def judge(self, target: Target) -> tuple[DevLoss, Verdict]:
        """The dev set by both. Raises GateError where the budget is not kept."""
        loss = self._loss(target.dev)
        float32 = self._dev(
            target.dev, "float32", lambda: ReferenceEngine(self._model, threads=self._threads)
        )
        integer = self._dev(
            target.dev, "integer", lambda: Engine(self._frozen, precision="integer", threads=self._threads)
        )
        if violations := target.budget.violations(float32.scores, integer.scores):
            raise GateError(
                f"no model was written: in integers the budget does not hold ({'; '.join(violations)}). "
                "Allow more with --max-drop, calibrate on more text, or train the model longer"
            )
        comparison = DevComparison(target.dev, float32, target.budget.metric)
        return loss, comparison.verdict(integer, target.budget)

    def _loss(self, dev: DevText) -> DevLoss:
        self._progress.stage("Measuring the loss on the dev set", None)
        return measure_loss(
            self._simulated,
            lambda: opened(self._frozen, "integer", self._threads),
            dev_pairs(self._model, dev),
            self._model.config.eos_id,
            self._steps.about({"dev": dev.checksum()}),
        )

    def _dev(self, dev: DevText, precision: str, engine: Callable[[], SearchEngine]) -> DevResult:
        return dev.measure(self._model, engine, self._progress, self._steps, {"precision": precision})

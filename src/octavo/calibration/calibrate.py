"""Calibrating a model: from text to a plan that keeps its budget. Writes no model."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import octavo
from octavo.artifact import ModelDirectory
from octavo.calibration.build_plan import Coverage, SiteRanges, int8_products, matching_products
from octavo.calibration.collect import Observations, OwnOutput, own_output
from octavo.calibration.dev import DevSet
from octavo.calibration.divergence import Pairs
from octavo.calibration.errors import CalibrationError
from octavo.calibration.gate import DEFAULT_MEASUREMENTS, Budget, DevResult, Gate, GateResult
from octavo.calibration.measurements import Measurements
from octavo.calibration.progress import Progress, Silent
from octavo.calibration.quality import Technique
from octavo.calibration.sensitivity import (
    Sensitivity,
    fallback_order,
    measure_sensitivity,
    work_per_token,
)
from octavo.calibration.state import FinishedSteps, digest
from octavo.calibration.techniques import Observed, Trials
from octavo.calibration.text import DEFAULT_SENTENCES, CalibrationText, calibration_text
from octavo.calibration.variant import Form, Variant
from octavo.engine.engine import TokenIds
from octavo.plan import QuantizationPlan, products
from octavo.quantization import QuantizationError, QuantizedWeights
from octavo.quantization.thresholds import Method
from octavo.spec import Scheme, SpecError
from octavo.translation.options import search_options

_UNSURE: Final = -1.25
"""Mean log-probability, in nats a token, of a model's own output. Models are at -0.3 to -0.8 on text like
what they were trained on, and below this on most text in another language."""
_MANY_ENDLESS: Final = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class NamedText:
    """Lines, and what messages call them."""

    name: str
    lines: tuple[str, ...]

    def checksum(self) -> str:
        """SHA-256, in hex, of the lines as a file of UTF-8."""
        text = "".join(f"{line}\n" for line in self.lines)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """How to calibrate.

    ``method``: how thresholds are found; None takes the one of least KL. ``coverage``: which products run in
    int8. ``dynamic``: weight products quantize their inputs per token instead. ``smooth``: try scale
    migration; ``correct_biases``: try bias correction. ``sentences``: most that are taken of the text.
    ``float32``: names or patterns of products that stay in float32. ``measurements``: of the dev set, after
    which the gate tries to win back no more.
    """

    method: Method | None = None
    coverage: Coverage = Coverage.FULL
    dynamic: bool = False
    smooth: bool = True
    correct_biases: bool = True
    sentences: int = DEFAULT_SENTENCES
    float32: tuple[str, ...] = ()
    measurements: int = DEFAULT_MEASUREMENTS


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was decided, and all that was measured on the way.

    ``float32``: the products left in float32, by coverage, options or gate. ``divergence``: KL of the
    result. ``dev``, ``dev_float32``, ``gate``: None without a dev set. ``sensitivity``: () where it was not
    needed. ``observations``: None where the plan was given.
    """

    variant: Variant
    float32: frozenset[str]
    method: Method | None
    divergence: float
    techniques: tuple[Technique, ...]
    sensitivity: tuple[Sensitivity, ...]
    observations: Observations | None
    observed_sentences: int
    budget: Budget
    dev: DevSet | None
    dev_float32: DevResult | None
    gate: GateResult | None

    @property
    def plan(self) -> QuantizationPlan:
        """The plan that was found."""
        return self.variant.plan(self.float32)


class Calibrator:
    """Calibrates one model. ``threads``: as Engine takes them; ``folder``: where finished steps are kept,
    None for nowhere. Raises QuantizationError for a model that is quantized already or not finite.
    """

    def __init__(
        self,
        model: ModelDirectory,
        *,
        folder: Path | None = None,
        progress: Progress | None = None,
        threads: int = 0,
    ) -> None:
        self.model = model
        self.progress: Progress = progress or Silent()
        self.threads = threads
        self._folder = folder
        self._checksum = _model_checksum(model)
        self._form, self._weights = _read(model)

    def calibrate(
        self,
        text: NamedText,
        options: CalibrationOptions | None = None,
        *,
        dev: DevSet | None = None,
        budget: Budget | None = None,
        sensitivity: bool = False,
    ) -> Calibration:
        """Find a plan for the model from calibration text; with a dev set, one that keeps the budget.

        ``sensitivity``: measure every product, also where the gate does not need it. Raises
        CalibrationError for bad text, GateError where the budget cannot be kept.
        """
        options = options or CalibrationOptions()
        budget = budget or Budget()
        config = self.model.config
        float32 = options.coverage.float32(config) | matching_products(config, options.float32)
        prepared = self._prepare(text, options.sentences)
        trials = Trials(
            prepared.measurements,
            prepared.observed,
            float32,
            prepared.steps,
            self.progress,
            dynamic=options.dynamic,
        )
        observed = trials.observed(self._form)
        observed, method, variant = self._choose(trials, observed, options)
        found = self._gated(prepared, variant, float32, dev, budget, options.measurements, sensitivity)
        return Calibration(
            variant=variant,
            method=method,
            techniques=tuple(trials.tried),
            observations=observed.observations,
            observed_sentences=len(prepared.observed),
            budget=budget,
            dev=dev,
            **found,
        )

    def check_plan(
        self,
        plan: QuantizationPlan,
        *,
        dev: DevSet | None = None,
        budget: Budget | None = None,
        measurements: int = DEFAULT_MEASUREMENTS,
        sensitivity: bool = False,
    ) -> Calibration:
        """Take a plan as it is; with a dev set, keep the budget by leaving more products in float32.

        Raises CalibrationError for a plan that is not this model's, GateError as ``calibrate``.
        """
        config = self.model.config
        budget = budget or Budget()
        try:
            plan.check(config)
        except SpecError as error:
            raise CalibrationError(f"the plan does not fit {self.model.path}: {error}") from error
        variant = Variant(self._form, self._weights, SiteRanges(plan.inputs, plan.heads))
        found: dict[str, Any] = {
            "float32": plan.float32,
            "divergence": None,
            "sensitivity": (),
            "dev_float32": None,
            "gate": None,
        }
        if dev is not None:
            prepared = self._prepare(NamedText(dev.name, dev.sources), DEFAULT_SENTENCES)
            found = self._gated(prepared, variant, plan.float32, dev, budget, measurements, sensitivity)
        return Calibration(
            variant=variant,
            method=None,
            techniques=(),
            observations=None,
            observed_sentences=0,
            budget=budget,
            dev=dev,
            **found,
        )

    def _prepare(self, text: NamedText, sentences: int) -> _Prepared:
        """The text in ids with the model's own output, and what measures by it."""
        found = calibration_text(text.lines, self.model, text.name, sentences)
        identity = {
            "octavo": octavo.__version__,
            "model": self._checksum,
            "text": text.checksum(),
            "sentences": sentences,
        }
        steps = FinishedSteps(self._folder, identity)
        output = self._own_output(found, steps)
        self._warn(found, output)
        observed = len(found.observed)
        pairs = output.pairs
        held_out = Pairs(pairs.sources[observed:], pairs.targets[observed:])
        return _Prepared(
            steps,
            Pairs(pairs.sources[:observed], pairs.targets[:observed]),
            Measurements(self.model, held_out, steps, self.progress, threads=self.threads),
        )

    def _own_output(self, text: CalibrationText, steps: FinishedSteps) -> OwnOutput:
        sources = (*text.observed, *text.held_out)

        def compute() -> dict[str, Any]:
            self.progress.stage("Translating the calibration text", len(sources))
            measurements = Measurements(self.model, Pairs((), ()), steps, self.progress, threads=self.threads)
            with measurements.engine(self.model, "float32") as engine:
                found = own_output(engine, sources, search_options(self.model.search, {}), self.progress)
            return {
                "targets": [target.tolist() for target in found.pairs.targets],
                "complete_share": found.complete_share,
                "mean_score": found.mean_score,
            }

        found = steps.value("own-output", {}, compute)
        targets: tuple[TokenIds, ...] = tuple(np.array(target, np.int32) for target in found["targets"])
        return OwnOutput(Pairs(sources, targets), found["complete_share"], found["mean_score"])

    def _warn(self, text: CalibrationText, output: OwnOutput) -> None:
        if suspicion := text.suspicion():
            self.progress.warn(suspicion)
        endless = 1 - output.complete_share
        if output.mean_score < _UNSURE or endless > _MANY_ENDLESS:
            self.progress.warn(
                f"{text.name}: the model is unsure of this text (mean log-probability {output.mean_score:.2f} "
                f"a token; {endless:.0%} of its translations do not end). Is it in the language that the model "
                "translates from, and like the text to be translated?"
            )

    def _choose(
        self, trials: Trials, observed: Observed, options: CalibrationOptions
    ) -> tuple[Observed, Method, Variant]:
        """The form, method and biases of least KL among those the options allow."""
        methods: Sequence[Method] = [options.method] if options.method else list(Method)
        method = trials.best_method(observed, methods)
        if options.smooth:
            moved = trials.migrate(observed, method)
            if moved is not observed:
                observed, method = moved, trials.best_method(moved, methods)
        variant = trials.variant(observed, method)
        if options.correct_biases:
            variant = trials.correct_biases(observed, variant)
        return observed, method, variant

    def _gated(
        self,
        prepared: _Prepared,
        variant: Variant,
        float32: frozenset[str],
        dev: DevSet | None,
        budget: Budget,
        measurements: int,
        wanted: bool,
    ) -> dict[str, Any]:
        """The fields of Calibration that the gate decides."""
        found: dict[str, Sensitivity] = {}
        measured = prepared.measurements

        def sensitivities() -> dict[str, Sensitivity]:
            if not found:
                found.update(self._sensitivity(prepared, variant, float32))
            return found

        gate = dev_float32 = None
        if dev is not None:
            dev_float32 = measured.dev_in_float32(dev)
            search = Gate(
                budget,
                dev_float32,
                lambda more: measured.dev(dev, variant, float32 | more),
                most=measurements,
            )
            gate = search.search(
                lambda: fallback_order(list(sensitivities().values())), lambda name: sensitivities()[name].won
            )
        if wanted:
            sensitivities()
        final = float32 | gate.float32 if gate else float32
        return {
            "float32": final,
            "divergence": measured.divergence(variant, final),
            "sensitivity": tuple(found.values()),
            "dev_float32": dev_float32,
            "gate": gate,
        }

    def _sensitivity(
        self, prepared: _Prepared, variant: Variant, float32: frozenset[str]
    ) -> dict[str, Sensitivity]:
        config = self.model.config
        every = frozenset(product.name for product in products(config))
        pairs = prepared.observed
        mean_keys = sum(len(source) for source in pairs.sources) / len(pairs)
        candidates = int8_products(config, float32)
        found = measure_sensitivity(
            candidates,
            lambda int8: prepared.measurements.divergence(variant, every - int8),
            work_per_token(config, candidates, mean_keys),
            self.progress,
        )
        return {sensitivity.product: sensitivity for sensitivity in found}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """``observed``: the pairs that ranges come from; the measurements have those held out."""

    steps: FinishedSteps
    observed: Pairs
    measurements: Measurements


def _read(model: ModelDirectory) -> tuple[Form, QuantizedWeights]:
    """All float tensors, and their int8."""
    if model.scheme is not Scheme.NONE:
        raise QuantizationError(
            f"{model.path}: is quantized already ({model.scheme}); quantize the float model it was made from"
        )
    try:
        weights = QuantizedWeights(model)
    except QuantizationError as error:
        raise QuantizationError(f"{model.path}: {error}") from error
    tensors = {
        name: array.astype(np.float32, copy=False) for name, array in weights.float_model().tensors.items()
    }
    return Form(model.config, tensors), weights


def _model_checksum(model: ModelDirectory) -> str:
    """config.json names every other file's checksum."""
    return digest((model.path / "config.json").read_text(encoding="utf-8"))

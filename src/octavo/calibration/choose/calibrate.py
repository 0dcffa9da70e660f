"""Calibration of a model: from text to a plan that keeps its budget. No model is written here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.candidates.candidate import Candidate, FloatModel
from octavo.calibration.candidates.coverage import Coverage, Inputs, matching_products
from octavo.calibration.candidates.ranges import SiteRanges
from octavo.calibration.choose.gate import GateOutcome, Target, keep_budget
from octavo.calibration.choose.techniques import ObservedModel, Technique, Trials
from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.calibration_data import CalibrationData, calibration_data, model_steps
from octavo.calibration.observe.observations import Observations
from octavo.calibration.text.named_text import NamedText
from octavo.calibration.text.sentences import DEFAULT_SENTENCES
from octavo.errors import QuantizationError
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.quantization.thresholds import Method
from octavo.runs.progress import Progress, Silent

_MUCH_OVERLAP: Final = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """The options of a calibration.

    ``method``: how thresholds are found; None takes the one of least KL. ``coverage``: which products run in
    int8. ``inputs``: how weight products quantize theirs. ``smooth``: try scale
    migration; ``correct_biases``: try bias correction. ``sentences``: most that are taken of the text.
    ``float32``: names or patterns of products that stay in float32.
    """

    method: Method | None = None
    coverage: Coverage = Coverage.FULL
    inputs: Inputs = Inputs.MIXED
    smooth: bool = True
    correct_biases: bool = True
    sentences: int = DEFAULT_SENTENCES
    float32: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was decided, and all that was measured on the way.

    ``original``: the model before any technique. ``required``: products left in float32 by coverage and
    options, or by the plan that was given; ``reasons``: why, of each. ``outcome``: what the gate measured.
    ``text``, ``coverage``, ``original``, ``method`` and ``observations`` are None where the plan was given;
    ``data`` is None where nothing was measured.
    """

    model: ModelDirectory
    text: NamedText | None
    coverage: Coverage | None
    candidate: Candidate
    original: ObservedModel | None
    required: frozenset[str]
    reasons: Mapping[str, str]
    method: Method | None
    techniques: tuple[Technique, ...]
    observations: Observations | None
    data: CalibrationData | None
    target: Target | None
    outcome: GateOutcome

    @property
    def float32(self) -> frozenset[str]:
        """The products left in float32."""
        return self.required | self.outcome.float32

    @property
    def plan(self) -> QuantizationPlan:
        """The plan that was found."""
        return self.candidate.plan(self.float32)


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
        self._steps = model_steps(model, folder)
        self._float_model = _float_model(model)

    def calibrate(
        self,
        text: NamedText,
        options: CalibrationOptions | None = None,
        target: Target | None = None,
        *,
        sensitivity: bool = False,
    ) -> Calibration:
        """Find a plan for the model from calibration text; with a target, one that keeps its budget.

        ``sensitivity``: measure every product, also where the gate does not need it. Raises
        CalibrationError for bad text, GateError where the budget cannot be kept.
        """
        options = options or CalibrationOptions()
        if target is not None:
            self._warn_of_overlap(text, target)
        reasons = _reasons(self.model.config, options)
        required = frozenset(reasons)
        data = self._calibration_data(text, options.sentences)
        trials = Trials(data, required, self.progress, dynamic=options.inputs is Inputs.DYNAMIC)
        original = trials.observed(self._float_model)
        observed, method, candidate = _choose(trials, original, options)
        return Calibration(
            model=self.model,
            text=text,
            coverage=options.coverage,
            candidate=candidate,
            original=original,
            required=required,
            reasons=reasons,
            method=method,
            techniques=tuple(trials.tried),
            observations=observed.observations,
            data=data,
            target=target,
            outcome=self._keep_budget(data, candidate, required, target, sensitivity),
        )

    def check(
        self, plan: QuantizationPlan, target: Target | None = None, *, sensitivity: bool = False
    ) -> Calibration:
        """Take a plan as it is; with a target, leave as many more products in float32 as its budget needs.

        Divergence is measured on the dev set's sources; without a target nothing is. Raises CalibrationError
        for a plan that is not this model's, GateError as ``calibrate``.
        """
        try:
            plan.check(self.model.config)
        except SpecError as error:
            raise CalibrationError(f"the plan does not fit {self.model.path}: {error}") from error
        candidate = Candidate(self._float_model, SiteRanges(plan.inputs, plan.heads))
        found, data = GateOutcome(), None
        if target is not None:
            data = self._calibration_data(NamedText(target.dev.name, target.dev.sources), DEFAULT_SENTENCES)
            found = self._keep_budget(data, candidate, plan.float32, target, sensitivity)
        return Calibration(
            model=self.model,
            text=None,
            coverage=None,
            candidate=candidate,
            original=None,
            required=plan.float32,
            reasons=dict.fromkeys(plan.float32, "as the plan that was given says"),
            method=None,
            techniques=(),
            observations=None,
            data=data,
            target=target,
            outcome=found,
        )

    def held(self) -> AbstractContextManager[None]:
        """Keep other runs away from the finished steps. Raises OutputError where one is at work."""
        return self._steps.held()

    def forget(self) -> None:
        """Remove the finished steps: the model has been written."""
        self._steps.forget()

    def _warn_of_overlap(self, text: NamedText, target: Target) -> None:
        known = set(text.lines)
        share = sum(line in known for line in target.dev.sources) / len(target.dev.sources)
        if share > _MUCH_OVERLAP:
            self.progress.warn(
                f"{share:.0%} of the lines of {target.dev.name} are in {text.name} too: the gate would judge "
                "by what the ranges were made for. Use other text for one of them"
            )

    def _calibration_data(self, text: NamedText, sentences: int) -> CalibrationData:
        return calibration_data(
            self.model, text, self._steps, self.progress, sentences=sentences, threads=self.threads
        )

    def _keep_budget(
        self,
        data: CalibrationData,
        candidate: Candidate,
        required: frozenset[str],
        target: Target | None,
        sensitivity: bool,
    ) -> GateOutcome:
        return keep_budget(data, candidate, required, target, self.progress, sensitivity=sensitivity)


def _reasons(config: ModelConfig, options: CalibrationOptions) -> dict[str, str]:
    """The products that are to stay in float32, and why."""
    found = dict.fromkeys(options.coverage.float32(config), f"coverage {options.coverage} leaves it there")
    return found | dict.fromkeys(matching_products(config, options.float32), "asked for")


def _choose(
    trials: Trials, observed: ObservedModel, options: CalibrationOptions
) -> tuple[ObservedModel, Method, Candidate]:
    """The float model, method, inputs and biases of least KL among those that the options allow."""
    methods: Sequence[Method] = [options.method] if options.method else list(Method)
    method = trials.best_method(observed, methods)
    if options.smooth:
        moved = trials.migrate(observed, method)
        if moved is not observed:
            observed, method = moved, trials.best_method(moved, methods)
    candidate = trials.candidate(observed, method)
    if options.inputs is Inputs.MIXED:
        candidate = trials.choose_per_token(candidate)
    if options.correct_biases:
        candidate = trials.correct_biases(observed, candidate)
    return observed, method, candidate


def _float_model(model: ModelDirectory) -> FloatModel:
    """The model in float32. Its weights are quantized now, so that weights that cannot be are found early."""
    if model.scheme is not Scheme.NONE:
        raise QuantizationError(
            f"{model.path}: is quantized already ({model.scheme}); quantize the float model it was made from"
        )
    tensors = {name: np.asarray(array, np.float32) for name, array in model.tensors()}
    found = FloatModel(model.config, tensors)
    try:
        found.weights.model()
    except QuantizationError as error:
        raise QuantizationError(f"{model.path}: {error}") from error
    return found

"""Calibrating a model: from text to a plan that keeps its budget. Writes no model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.build_plan import Coverage, Inputs, SiteRanges, matching_products
from octavo.calibration.collect import Observations
from octavo.calibration.errors import CalibrationError
from octavo.calibration.gated import Gated, Target, gated
from octavo.calibration.prepare import NamedText, Prepared, model_steps, prepare
from octavo.calibration.progress import Progress, Silent
from octavo.calibration.quality import Technique
from octavo.calibration.techniques import Observed, Trials
from octavo.calibration.text import DEFAULT_SENTENCES
from octavo.calibration.variant import Form, Variant
from octavo.errors import QuantizationError
from octavo.plan import QuantizationPlan
from octavo.quantization import QuantizedWeights
from octavo.quantization.thresholds import Method
from octavo.spec import ModelConfig, Scheme, SpecError

_MUCH_OVERLAP: Final = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """How to calibrate.

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
    options, or by the plan that was given; ``reasons``: why, of each. ``gated``: what was found out since.
    ``original``, ``method``, ``observations``: None where the plan was given; ``prepared``: None where
    nothing was measured.
    """

    model: ModelDirectory
    variant: Variant
    original: Observed | None
    required: frozenset[str]
    reasons: Mapping[str, str]
    method: Method | None
    techniques: tuple[Technique, ...]
    observations: Observations | None
    prepared: Prepared | None
    target: Target | None
    gated: Gated

    @property
    def float32(self) -> frozenset[str]:
        """The products left in float32."""
        return self.required | self.gated.float32

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
        self._steps = model_steps(model, folder)
        self._weights = _quantized_weights(model)
        tensors = self._weights.float_model().tensors
        self._form = Form(model.config, {name: np.asarray(t, np.float32) for name, t in tensors.items()})

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
        prepared = self._prepare(text, options.sentences)
        trials = Trials(prepared, required, self.progress, dynamic=options.inputs is Inputs.DYNAMIC)
        original = trials.observed(self._form)
        observed, method, variant = _choose(trials, original, options)
        return Calibration(
            model=self.model,
            variant=variant,
            original=original,
            required=required,
            reasons=reasons,
            method=method,
            techniques=tuple(trials.tried),
            observations=observed.observations,
            prepared=prepared,
            target=target,
            gated=self._gated(prepared, variant, required, target, sensitivity),
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
        variant = Variant(self._form, self._weights, SiteRanges(plan.inputs, plan.heads))
        found, prepared = Gated(), None
        if target is not None:
            prepared = self._prepare(NamedText(target.dev.name, target.dev.sources), DEFAULT_SENTENCES)
            found = self._gated(prepared, variant, plan.float32, target, sensitivity)
        return Calibration(
            model=self.model,
            variant=variant,
            original=None,
            required=plan.float32,
            reasons=dict.fromkeys(plan.float32, "as the plan that was given says"),
            method=None,
            techniques=(),
            observations=None,
            prepared=prepared,
            target=target,
            gated=found,
        )

    def held(self) -> AbstractContextManager[None]:
        """Keeps other runs away from the finished steps. Raises OutputError where one is at work."""
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

    def _prepare(self, text: NamedText, sentences: int) -> Prepared:
        return prepare(
            self.model, text, self._steps, self.progress, sentences=sentences, threads=self.threads
        )

    def _gated(
        self,
        prepared: Prepared,
        variant: Variant,
        required: frozenset[str],
        target: Target | None,
        sensitivity: bool,
    ) -> Gated:
        return gated(prepared, variant, required, target, self.progress, sensitivity=sensitivity)


def _reasons(config: ModelConfig, options: CalibrationOptions) -> dict[str, str]:
    """The products that are to stay in float32, and why."""
    found = dict.fromkeys(options.coverage.float32(config), f"the scheme {options.coverage} leaves it there")
    return found | dict.fromkeys(matching_products(config, options.float32), "asked for")


def _choose(
    trials: Trials, observed: Observed, options: CalibrationOptions
) -> tuple[Observed, Method, Variant]:
    """The form, method, inputs and biases of least KL among those the options allow."""
    methods: Sequence[Method] = [options.method] if options.method else list(Method)
    method = trials.best_method(observed, methods)
    if options.smooth:
        moved = trials.migrate(observed, method)
        if moved is not observed:
            observed, method = moved, trials.best_method(moved, methods)
    variant = trials.variant(observed, method)
    if options.inputs is Inputs.MIXED:
        variant = trials.choose_per_token(variant)
    if options.correct_biases:
        variant = trials.correct_biases(observed, variant)
    return observed, method, variant


def _quantized_weights(model: ModelDirectory) -> QuantizedWeights:
    if model.scheme is not Scheme.NONE:
        raise QuantizationError(
            f"{model.path}: is quantized already ({model.scheme}); quantize the float model it was made from"
        )
    try:
        return QuantizedWeights(model)
    except QuantizationError as error:
        raise QuantizationError(f"{model.path}: {error}") from error

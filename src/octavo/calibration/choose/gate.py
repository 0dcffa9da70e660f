"""The quality gate: products are left in float32 until a candidate keeps the budget on the dev set."""

from __future__ import annotations

import dataclasses
from typing import Final

from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.candidates.coverage import int8_products
from octavo.calibration.choose.budget import Budget
from octavo.calibration.choose.fallback import DEFAULT_MEASUREMENTS, FallbackResult, FallbackSearch
from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.calibration_data import CalibrationData
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.measure.sensitivity import (
    Sensitivity,
    fallback_order,
    measure_sensitivity,
    work_per_token,
)
from octavo.model.architecture import products
from octavo.runs.progress import Progress

_NO_CHRF: Final = 1.0
_LITTLE_CHRF: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """The dev set and the budget that the gate must keep on it.

    ``measurements``: the number of measurements after which no product is tried in int8 again.
    """

    dev: DevText
    budget: Budget = dataclasses.field(default_factory=Budget)
    measurements: int = DEFAULT_MEASUREMENTS


@dataclasses.dataclass(frozen=True, slots=True)
class GateOutcome:
    """What was measured of a quantized model.

    ``divergence``: KL per target token of the result; None where nothing was measured. ``sensitivity``: of
    the products that were to be int8, () where it was not needed. ``dev_float32``, ``fallback``: None without
    a target.
    """

    divergence: float | None = None
    sensitivity: tuple[Sensitivity, ...] = ()
    dev_float32: DevResult | None = None
    fallback: FallbackResult | None = None

    @property
    def float32(self) -> frozenset[str]:
        """The products that the gate left in float32."""
        return self.fallback.float32 if self.fallback else frozenset()


def keep_budget(
    data: CalibrationData,
    candidate: Candidate,
    required: frozenset[str],
    target: Target | None,
    progress: Progress,
    *,
    sensitivity: bool,
) -> GateOutcome:
    """Keep the target's budget, beside what is ``required`` in float32, and measure the result.

    ``sensitivity``: measure it also where the gate does not need it. Raises GateError.
    """
    measurements = data.measurements
    found: dict[str, Sensitivity] = {}

    def sensitivities() -> dict[str, Sensitivity]:
        if not found:
            found.update({s.product: s for s in _sensitivity(data, candidate, required, progress)})
        return found

    fallback = dev_float32 = None
    if target is not None:
        dev = target.dev
        dev_float32 = measurements.dev_in_float32(dev)
        _check_scores(dev, dev_float32, progress)
        search = FallbackSearch(
            target.budget,
            dev_float32,
            lambda more: measurements.dev(dev, candidate, required | more),
            lambda more: measurements.divergence(candidate, required | more),
            most=target.measurements,
        )
        fallback = search.search(
            lambda: fallback_order(list(sensitivities().values())), lambda name: sensitivities()[name].alone
        )
    if sensitivity:
        sensitivities()
    final = required | fallback.float32 if fallback else required
    return GateOutcome(
        measurements.divergence(candidate, final), tuple(found.values()), dev_float32, fallback
    )


def _check_scores(dev: DevText, float32: DevResult, progress: Progress) -> None:
    """Refuse a dev set on which float32 scores next to nothing: int8 can lose nothing there. Warn of one on
    which it scores little. Raises CalibrationError."""
    if float32.scores.chrf >= _LITTLE_CHRF:
        return
    doubt = (
        f"{dev.name}: float32 translates it with {float32.scores.bleu:.2f} BLEU and "
        f"{float32.scores.chrf:.2f} chrF against {dev.reference_name}; are they in the model's languages, "
        "and line for line?"
    )
    if float32.scores.chrf < _NO_CHRF:
        raise CalibrationError(f"{doubt} This dev set cannot show what int8 loses")
    progress.warn(f"{doubt} This dev set hardly shows what int8 loses")


def _sensitivity(
    data: CalibrationData, candidate: Candidate, required: frozenset[str], progress: Progress
) -> list[Sensitivity]:
    config = candidate.float_model.config
    every = frozenset(product.name for product in products(config))
    candidates = int8_products(config, required)
    return measure_sensitivity(
        candidates,
        lambda int8: data.measurements.divergence(candidate, every - int8),
        work_per_token(config, candidates, data.mean_keys),
        progress,
    )

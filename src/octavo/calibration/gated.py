"""The gate at work on a model: dev set, sensitivity and search put together."""

from __future__ import annotations

import dataclasses
from typing import Final

from octavo.calibration.build_plan import int8_products
from octavo.calibration.dev import DevSet
from octavo.calibration.errors import CalibrationError
from octavo.calibration.gate import DEFAULT_MEASUREMENTS, Budget, DevResult, Gate, GateResult
from octavo.calibration.prepare import Prepared
from octavo.calibration.progress import Progress
from octavo.calibration.sensitivity import (
    Sensitivity,
    fallback_order,
    measure_sensitivity,
    work_per_token,
)
from octavo.calibration.variant import Variant
from octavo.plan import products

_NO_CHRF: Final = 1.0
_LITTLE_CHRF: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What the gate must keep. ``measurements``: of the dev set, after which it wins back no more."""

    dev: DevSet
    budget: Budget = dataclasses.field(default_factory=Budget)
    measurements: int = DEFAULT_MEASUREMENTS


@dataclasses.dataclass(frozen=True, slots=True)
class Gated:
    """What was measured of a quantized model.

    ``divergence``: KL per target token of the result; None where nothing was measured. ``sensitivity``: of
    the products that were to be int8, () where it was not needed. ``dev_float32``, ``gate``: None without
    a target.
    """

    divergence: float | None = None
    sensitivity: tuple[Sensitivity, ...] = ()
    dev_float32: DevResult | None = None
    gate: GateResult | None = None

    @property
    def float32(self) -> frozenset[str]:
        """The products that the gate left in float32."""
        return self.gate.float32 if self.gate else frozenset()


def gated(
    prepared: Prepared,
    variant: Variant,
    required: frozenset[str],
    target: Target | None,
    progress: Progress,
    *,
    sensitivity: bool,
) -> Gated:
    """Keep the target's budget, beside what is ``required`` in float32, and measure the result.

    ``sensitivity``: measure it also where the gate does not need it. Raises GateError.
    """
    measurements = prepared.measurements
    found: dict[str, Sensitivity] = {}

    def sensitivities() -> dict[str, Sensitivity]:
        if not found:
            found.update({s.product: s for s in _sensitivity(prepared, variant, required, progress)})
        return found

    gate = dev_float32 = None
    if target is not None:
        dev = target.dev
        dev_float32 = measurements.dev_in_float32(dev)
        _check_scores(dev, dev_float32, progress)
        search = Gate(
            target.budget,
            dev_float32,
            lambda more: measurements.dev(dev, variant, required | more),
            lambda more: measurements.divergence(variant, required | more),
            most=target.measurements,
        )
        gate = search.search(
            lambda: fallback_order(list(sensitivities().values())), lambda name: sensitivities()[name].alone
        )
    if sensitivity:
        sensitivities()
    final = required | gate.float32 if gate else required
    return Gated(measurements.divergence(variant, final), tuple(found.values()), dev_float32, gate)


def _check_scores(dev: DevSet, float32: DevResult, progress: Progress) -> None:
    """Where float32 scores nothing, int8 can lose nothing. Raises CalibrationError, or warns."""
    if float32.scores.chrf >= _LITTLE_CHRF:
        return
    doubt = (
        f"{dev.name}: float32 translates it with {float32.scores.bleu:.2f} BLEU and "
        f"{float32.scores.chrf:.2f} chrF against {dev.reference_name}; are they in the model's languages, "
        "and line for line?"
    )
    if float32.scores.chrf < _NO_CHRF:
        raise CalibrationError(f"{doubt} By this nothing can be lost")
    progress.warn(f"{doubt} By this little can be lost")


def _sensitivity(
    prepared: Prepared, variant: Variant, required: frozenset[str], progress: Progress
) -> list[Sensitivity]:
    config = variant.form.config
    every = frozenset(product.name for product in products(config))
    candidates = int8_products(config, required)
    return measure_sensitivity(
        candidates,
        lambda int8: prepared.measurements.divergence(variant, every - int8),
        work_per_token(config, candidates, prepared.mean_keys),
        progress,
    )

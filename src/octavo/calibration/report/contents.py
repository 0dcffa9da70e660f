"""The parts of the quality report, made from what calibration decided and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from octavo.calibration.choose.calibrate import Calibration
from octavo.calibration.measure.dev_text import DevText
from octavo.calibration.measure.sensitivity import work_per_token
from octavo.calibration.observe.observations import Observations
from octavo.calibration.report.bars import Bars
from octavo.calibration.report.data import (
    Activations,
    CalibrationSettings,
    FloatProduct,
    GateStep,
    Interval,
    ModelFacts,
    ProductSensitivity,
    SiteReport,
    TextFile,
)
from octavo.calibration.text.named_text import NamedText
from octavo.model.architecture import products, sites
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, Static
from octavo.model.tensor_table import float_shapes, weight_shapes
from octavo.quantization.observers import SiteStatistics
from octavo.quantization.tensor_class import classify

_BY_PLAN: Final = "as the plan says"
_GRANULARITY: Final = "weights per output channel, attention per head, inputs per "
_INPUT_GRANULARITY: Final[Mapping[Activations, str]] = {
    "static": "tensor",
    "dynamic": "token",
    "mixed": "tensor or token",
}
_TYPICAL_KEYS: Final = 20.0
_CENTRE: Final = Static(1.0).zero_point


def model_facts(calibration: Calibration) -> ModelFacts:
    """The model and its sizes."""
    model = calibration.model
    direction = model.direction()
    shapes = [*weight_shapes(model.config), *float_shapes(model.config)]
    return ModelFacts(
        name=model.name,
        source_language=direction.source,
        target_language=direction.target,
        products=sum(1 for _ in products(model.config)),
        float32_bytes=4 * sum(int(np.prod(shape)) for _, shape in shapes),
        int8_bytes=calibration.candidate.size_bytes(calibration.float32),
    )


def settings(calibration: Calibration) -> CalibrationSettings:
    """What was asked for, and the texts that were read."""
    text, target, data = calibration.text, calibration.target, calibration.data
    inputs = activations(calibration.plan)
    return CalibrationSettings(
        method=method_name(calibration),
        coverage=str(calibration.coverage) if calibration.coverage else _BY_PLAN,
        activations=inputs,
        granularity=_GRANULARITY + _INPUT_GRANULARITY[inputs],
        sentences=len(data.observed) if data and text else 0,
        files=text_files(text, target.dev if target else None),
    )


def text_files(text: NamedText | None, dev: DevText | None) -> tuple[TextFile, ...]:
    """The texts that a run read."""
    found = [TextFile.of("calibration", text)] if text else []
    if dev:
        found.append(TextFile.of("dev source", NamedText(dev.name, dev.sources)))
        found.append(TextFile.of("dev reference", NamedText(dev.reference_name, dev.references)))
    return tuple(found)


def method_name(calibration: Calibration) -> str:
    """The method that found the ranges."""
    return str(calibration.method) if calibration.method else _BY_PLAN


def activations(plan: QuantizationPlan) -> Activations:
    """How the plan quantizes the inputs of weight products."""
    kinds = {how is None for how in plan.inputs.values()}
    if len(kinds) == 2:
        return "mixed"
    return "dynamic" if True in kinds else "static"


def work_shares(calibration: Calibration) -> dict[str, float]:
    """Each product's part of the model's multiply-accumulates, a source token for each target token."""
    config = calibration.model.config
    mean_keys = calibration.data.mean_keys if calibration.data else _TYPICAL_KEYS
    work = work_per_token(config, list(products(config)), mean_keys)
    total = sum(work.values())
    return {name: amount / total for name, amount in work.items()}


def float_products(calibration: Calibration) -> tuple[FloatProduct, ...]:
    """What stays in float32 and why, in order of the forward pass."""
    shares = work_shares(calibration)
    costs = {s.product: s.alone for s in calibration.outcome.sensitivity}
    found = []
    for product in products(calibration.model.config):
        name = product.name
        if name not in calibration.float32:
            continue
        if name in calibration.required:
            reason = calibration.reasons[name]
        else:
            reason = f"to keep the budget: alone in int8 it costs {costs[name]:.1e} nats"
        found.append(FloatProduct(name, reason, shares[name]))
    return tuple(found)


def product_sensitivity(calibration: Calibration) -> tuple[ProductSensitivity, ...]:
    """The sensitivity of each product that was measured."""
    shares = work_shares(calibration)
    return tuple(
        ProductSensitivity(s.product, s.alone, s.won, shares[s.product])
        for s in calibration.outcome.sensitivity
    )


def gate_steps(calibration: Calibration) -> tuple[GateStep, ...]:
    """The measurements of the gate, in order."""
    outcome, target = calibration.outcome, calibration.target
    if outcome.fallback is None or outcome.dev_float32 is None or target is None:
        return ()
    return tuple(
        GateStep(
            action=str(step.action),
            changed=step.changed,
            float32=len(calibration.required | step.float32),
            drop=target.budget.drop(outcome.dev_float32.scores, step.result.scores),
            held=not step.violations,
        )
        for step in outcome.fallback.steps
    )


def site_reports(calibration: Calibration) -> tuple[SiteReport, ...]:
    """Every observed tensor, sites in order of the forward pass, then embeddings and residual sums."""
    if calibration.observations is None:
        return ()
    readers = _readers(calibration.model.config)
    return tuple(
        _site_report(site, calibration.observations, calibration.plan, readers.get(site, ()))
        for site in _in_order(calibration.model.config, calibration.observations)
    )


def _in_order(config: ModelConfig, observations: Observations) -> Iterator[str]:
    names = set(observations.names())
    known = [site for site in sites(config) if site in names]
    yield from known
    yield from (name for name in observations.tensors if name not in set(known))


def _readers(config: ModelConfig) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for product in products(config):
        for site in product.sites:
            found.setdefault(site, []).append(product.name)
    return {site: tuple(names) for site, names in found.items()}


def _site_report(
    site: str, observations: Observations, plan: QuantizationPlan, readers: tuple[str, ...]
) -> SiteReport:
    whole = observations.whole(site)
    found = classify(whole)
    if site in plan.heads:
        parts: Sequence[SiteStatistics] = observations.heads[site].heads
        intervals = tuple(_interval(Static(scale)) for scale in plan.heads[site])
    else:
        how = plan.inputs.get(site)
        parts, intervals = [whole], (_interval(how),) if how else ()
    return SiteReport(
        site=site,
        tensor_class=str(found.tensor_class),
        low=whole.low,
        high=whole.high,
        zero_share=found.zero_share,
        inner_range=found.inner_range,
        kurtosis=found.kurtosis,
        bars=Bars.of(whole),
        ranges=intervals,
        clipped_share=_clipped_share(parts, intervals) if intervals else None,
        products=readers,
    )


def _interval(how: Static) -> Interval:
    low, high = how.limits
    if how.zero_point == _CENTRE:
        low = -high  # the range that was meant; the 256th level is below it
    return Interval(low * how.scale, high * how.scale)


def _clipped_share(parts: Sequence[SiteStatistics], intervals: Sequence[Interval]) -> float:
    """The share of non-zero values outside the intervals, counted by whole bins."""
    clipped = total = 0
    for part, interval in zip(parts, intervals, strict=True):
        for half, end in ((part.positive, interval.high), (part.negative, -interval.low)):
            first = int(np.ceil(end / half.bin_width)) if end < half.largest else len(half.counts)
            clipped += int(half.counts[first:].sum())
            total += half.total
    return clipped / total if total else 0.0

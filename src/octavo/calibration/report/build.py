"""The quality report of a calibration, put together."""

from __future__ import annotations

import dataclasses
from typing import Any

from octavo.calibration.choose.calibrate import Calibration
from octavo.calibration.measure.dev_text import DevResult
from octavo.calibration.report.comparison import DevComparison
from octavo.calibration.report.configurations import MeasuredConfiguration
from octavo.calibration.report.contents import (
    activations,
    float_products,
    gate_steps,
    method_name,
    model_facts,
    product_sensitivity,
    settings,
    site_reports,
)
from octavo.calibration.report.data import ConfigurationResult, QualityReport, Run, Speed


def quality_report(
    calibration: Calibration, run: Run, configurations: tuple[MeasuredConfiguration, ...], speed: Speed
) -> QualityReport | None:
    """The report; None where no dev set was measured."""
    target, outcome = calibration.target, calibration.outcome
    if target is None or outcome.fallback is None or outcome.dev_float32 is None:
        return None
    final = outcome.fallback.result
    comparison = DevComparison(target.dev, outcome.dev_float32, target.budget.metric)
    return QualityReport(
        model=model_facts(calibration),
        calibration=settings(calibration),
        verdict=comparison.verdict(final, target.budget),
        run=run,
        configurations=_results(calibration, configurations, comparison),
        sites=site_reports(calibration),
        sensitivity=product_sensitivity(calibration),
        float_products=float_products(calibration),
        speed=speed,
        techniques=calibration.techniques,
        steps=gate_steps(calibration),
        worst_sentences=comparison.worst_sentences(final),
    )


def unjudged_report(calibration: Calibration, run: Run) -> dict[str, Any]:
    """What is known without a dev set, under the keys of the report, ready for JSON."""
    return {
        "model": dataclasses.asdict(model_facts(calibration)),
        "calibration": dataclasses.asdict(settings(calibration)),
        "run": dataclasses.asdict(run),
        "divergence": calibration.outcome.divergence,
        "techniques": [dataclasses.asdict(technique) for technique in calibration.techniques],
        "float_products": [dataclasses.asdict(product) for product in float_products(calibration)],
    }


def _results(
    calibration: Calibration, configurations: tuple[MeasuredConfiguration, ...], comparison: DevComparison
) -> tuple[ConfigurationResult, ...]:
    """The published configurations and the one that was taken; none where none was measured."""
    if not configurations:
        return ()
    published = (
        ConfigurationResult(
            method=measured.configuration.name,
            coverage=str(measured.configuration.coverage),
            activations="dynamic" if measured.configuration.dynamic else "static",
            scores=measured.result.scores,
            drop=comparison.drop(measured.result),
            int8_products=measured.int8_products,
            size_bytes=measured.size_bytes,
        )
        for measured in configurations
    )
    return (*published, *_taken(calibration, comparison))


def _taken(calibration: Calibration, comparison: DevComparison) -> list[ConfigurationResult]:
    """The configuration that was taken: with its techniques, before any product fell back."""
    if calibration.outcome.fallback is None:
        return []
    candidate, required = calibration.candidate, calibration.required
    first: DevResult = calibration.outcome.fallback.steps[0].result
    kept = any(technique.kept for technique in calibration.techniques)
    return [
        ConfigurationResult(
            method=f"{method_name(calibration)}{', with techniques' if kept else ''}",
            coverage=settings(calibration).coverage,
            activations=activations(candidate.plan(required)),
            scores=first.scores,
            drop=comparison.drop(first),
            int8_products=model_facts(calibration).products - len(required),
            size_bytes=candidate.size_bytes(required),
            chosen=True,
        )
    ]

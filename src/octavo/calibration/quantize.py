"""A float model directory in, a calibrated int8 one out, with what was measured beside it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import octavo
from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.artifact.writing import check_output
from octavo.calibration.choose.calibrate import Calibration, CalibrationOptions, Calibrator
from octavo.calibration.choose.gate import Target
from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.dev_text import DevResult
from octavo.calibration.page.page import render
from octavo.calibration.report import contents
from octavo.calibration.report.comparison import DevComparison
from octavo.calibration.report.configurations import (
    ConfigurationTrials,
    MeasuredConfiguration,
    published_configurations,
)
from octavo.calibration.report.data import (
    Activations,
    CalibrationSettings,
    ConfigurationResult,
    QualityReport,
    Run,
    Speed,
    TextFile,
    Verdict,
)
from octavo.calibration.report.speed import measured_speed
from octavo.calibration.text.named_text import NamedText
from octavo.engine import cpu_report
from octavo.engine.cpu import available_cores
from octavo.plan import QuantizationPlan
from octavo.quantization import QuantizedModel, quantize_tensors
from octavo.quantization.model import write_quantized
from octavo.runs.finished_steps import steps_folder
from octavo.runs.progress import Progress, Silent, TimedStages

_GRANULARITY = "weights per output channel, attention per head, inputs per "
_INPUT_GRANULARITY: Mapping[Activations, str] = {
    "static": "tensor",
    "dynamic": "token",
    "mixed": "tensor or token",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What to quantize by: ``text`` with ``options``, or a ``plan`` that is there already.

    ``target``: what the gate must keep; None measures no dev set. ``full_report``: measure all that the
    report shows, needed or not: every mode on the dev set, and every product. ``machine``: the processor's
    name, for the report. Raises CalibrationError for requests that make no sense.
    """

    text: NamedText | None = None
    plan: QuantizationPlan | None = None
    options: CalibrationOptions = dataclasses.field(default_factory=CalibrationOptions)
    target: Target | None = None
    full_report: bool = False
    machine: str = ""

    def __post_init__(self) -> None:
        if (self.text is None) == (self.plan is None):
            raise CalibrationError("give calibration text or a plan, and not both")
        if self.full_report and self.target is None:
            raise CalibrationError("a report needs a dev set to judge by")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CalibratedModel:
    """What was written: how it was decided, and its report (None without a dev set)."""

    calibration: Calibration
    quantized: QuantizedModel
    report: QualityReport | None


def quantize_calibrated(
    source: Path,
    output: Path,
    request: Request,
    *,
    report_file: Path | None = None,
    overwrite: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> CalibratedModel:
    """Quantize the model directory ``source`` into ``output`` as requested; the report to ``report_file``.

    Finished steps are kept beside ``output`` until it is written, so that the same call goes on where a
    stopped one was. Results depend on the model, the texts and the request alone. Raises ModelError for a bad
    model, QuantizationError for one that cannot be quantized, CalibrationError for bad text or a bad plan,
    GateError where the budget cannot be kept, OutputError for a bad output path; nothing is written then.
    """
    check_output(source, output, overwrite=overwrite)
    timed = TimedStages(progress or Silent())
    model = ModelDirectory.open(source)
    model.check_translates("`octavo quantize --calibrate`")
    calibrator = Calibrator(
        model, folder=steps_folder(output, "calibration"), progress=timed, threads=threads
    )
    with calibrator.held():
        calibration = _calibration(calibrator, request)
        modes = tuple(_modes(calibration)) if request.full_report else ()
        run = Run(
            octavo_version=octavo.__version__,
            machine=request.machine,
            isa=str(cpu_report()["isa"]),
            threads=threads or available_cores(),
            date=dt.datetime.now(dt.UTC).date().isoformat(),
            stages=timed.stages(),
        )
        report = _report(calibration, request, run, modes, measured_speed(calibration, threads, timed))
        quantized = _quantized(calibration)
        measured = report.compact().to_dict() if report else _record(calibration, request, run)
        if report is not None and report_file is not None:
            durable.write_file(report_file, render(report).encode("utf-8"))
        write_quantized(output, model, quantized, measured={"calibration": measured}, overwrite=overwrite)
        calibrator.forget()
    return CalibratedModel(calibration, quantized, report)


def _calibration(calibrator: Calibrator, request: Request) -> Calibration:
    target, sensitivity = request.target, request.full_report
    if request.text is not None:
        return calibrator.calibrate(request.text, request.options, target, sensitivity=sensitivity)
    if request.plan is not None:
        return calibrator.check(request.plan, target, sensitivity=sensitivity)
    raise CalibrationError("there is neither calibration text nor a plan")


def _quantized(calibration: Calibration) -> QuantizedModel:
    """The model as it is to be written, corrected biases and all."""
    found = quantize_tensors(calibration.candidate.float_model.tensor_model(), calibration.plan)
    return dataclasses.replace(found, model=calibration.candidate.model(calibration.float32))


def _modes(calibration: Calibration) -> Iterator[MeasuredConfiguration]:
    """Every mode on the dev set, where there is text to observe the model on."""
    if calibration.original is None or calibration.data is None or calibration.target is None:
        return
    modes = ConfigurationTrials(calibration.original, calibration.data.measurements)
    for mode in published_configurations():
        yield modes.measure(mode, calibration.target.dev)


def _report(
    calibration: Calibration,
    request: Request,
    run: Run,
    modes: tuple[MeasuredConfiguration, ...],
    speed: Speed,
) -> QualityReport | None:
    target, outcome = calibration.target, calibration.outcome
    if target is None or outcome.fallback is None or outcome.dev_float32 is None:
        return None
    final, float32, metric = outcome.fallback.result, outcome.dev_float32, target.budget.metric
    comparison = DevComparison(target.dev, float32, metric)
    found = comparison.comparison(final)
    verdict = Verdict(
        metric=metric,
        signature=found.signature,
        float32=float32.scores,
        int8=final.scores,
        drop=comparison.drop(final),
        budget=target.budget.max_drop,
        passed=True,
        sentences=len(target.dev.sources),
        resamples=found.resamples,
    )
    return QualityReport(
        model=contents.model_facts(calibration),
        calibration=_settings(calibration, request),
        verdict=verdict,
        run=run,
        modes=_mode_results(calibration, request, modes, comparison),
        sites=contents.site_reports(calibration),
        sensitivity=contents.product_sensitivity(calibration),
        float_products=contents.float_products(calibration),
        speed=speed,
        techniques=calibration.techniques,
        steps=contents.gate_steps(calibration),
        worst_sentences=comparison.worst_sentences(final),
    )


def _record(calibration: Calibration, request: Request, run: Run) -> dict[str, Any]:
    """What is known without a dev set, under the report's keys."""
    return {
        "model": dataclasses.asdict(contents.model_facts(calibration)),
        "calibration": dataclasses.asdict(_settings(calibration, request)),
        "run": dataclasses.asdict(run),
        "divergence": calibration.outcome.divergence,
        "techniques": [dataclasses.asdict(technique) for technique in calibration.techniques],
        "float_products": [dataclasses.asdict(p) for p in contents.float_products(calibration)],
    }


def _settings(calibration: Calibration, request: Request) -> CalibrationSettings:
    activations = _activations(calibration.plan)
    files = []
    if request.text:
        files.append(TextFile.of("calibration", request.text))
    if request.target:
        dev = request.target.dev
        files += [
            TextFile.of("dev source", NamedText(dev.name, dev.sources)),
            TextFile.of("dev reference", NamedText(dev.reference_name, dev.references)),
        ]
    observed = calibration.data.observed if calibration.data and request.text else ()
    return CalibrationSettings(
        method=_method(calibration),
        scheme=str(request.options.coverage) if request.text else "as the plan says",
        activations=activations,
        granularity=_GRANULARITY + _INPUT_GRANULARITY[activations],
        sentences=len(observed),
        files=tuple(files),
    )


def _activations(plan: QuantizationPlan) -> Activations:
    kinds = {how is None for how in plan.inputs.values()}
    if len(kinds) == 2:
        return "mixed"
    return "dynamic" if True in kinds else "static"


def _method(calibration: Calibration) -> str:
    return str(calibration.method) if calibration.method else "as the plan says"


def _mode_results(
    calibration: Calibration,
    request: Request,
    modes: tuple[MeasuredConfiguration, ...],
    comparison: DevComparison,
) -> tuple[ConfigurationResult, ...]:
    """The modes, and the way that was taken: with its techniques, before any product fell back."""
    gate, dev_float32 = calibration.outcome.fallback, calibration.outcome.dev_float32
    if not modes or gate is None or dev_float32 is None:
        return ()

    def result(
        method: str, coverage: str, inputs: Activations, found: DevResult, int8: int, size: int, chosen: bool
    ) -> ConfigurationResult:
        return ConfigurationResult(
            method=method,
            scheme=coverage,
            activations=inputs,
            scores=found.scores,
            drop=comparison.drop(found),
            int8_products=int8,
            size_bytes=size,
            chosen=chosen,
        )

    rows = [
        result(
            *(m.mode.name, str(m.mode.coverage), "dynamic" if m.mode.dynamic else "static", m.result),
            *(m.int8_products, m.size_bytes, False),
        )
        for m in modes
    ]
    kept = any(technique.kept for technique in calibration.techniques)
    every = contents.model_facts(calibration).products
    rows.append(
        result(
            f"{_method(calibration)}{', with techniques' if kept else ''}",
            str(request.options.coverage),
            _activations(calibration.candidate.plan(calibration.required)),
            gate.steps[0].result,
            every - len(calibration.required),
            calibration.candidate.size_bytes(calibration.required),
            True,
        )
    )
    return tuple(rows)

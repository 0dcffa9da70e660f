"""A float model directory in, a calibrated int8 one out, with what was measured beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.artifact.writing import check_output
from octavo.calibration.choose.calibrate import Calibration, CalibrationOptions, Calibrator
from octavo.calibration.choose.gate import Target
from octavo.calibration.choose.heads import alignment_heads
from octavo.calibration.errors import CalibrationError
from octavo.calibration.page.page import render
from octavo.calibration.report.build import quality_report, unjudged_report
from octavo.calibration.report.configurations import (
    ConfigurationTrials,
    MeasuredConfiguration,
    published_configurations,
)
from octavo.calibration.report.data import QualityReport
from octavo.calibration.report.run import this_run
from octavo.calibration.report.speed import measured_speed
from octavo.calibration.text.named_text import NamedText
from octavo.model.plan import QuantizationPlan
from octavo.quantization import QuantizedModel, quantize_tensors
from octavo.quantization.model import write_quantized
from octavo.runs.finished_steps import steps_folder
from octavo.runs.progress import Progress, Silent, TimedStages


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What to quantize by: ``text`` with ``options``, or a ``plan`` that is there already.

    ``target``: what the gate must keep; None measures no dev set. ``full_report``: measure all that the
    report shows, also what the choice does not need: every published configuration on the dev set, and every
    product. ``direction``: from which language to which the texts are; None: the model's default.
    Raises CalibrationError for requests that make no sense.
    """

    text: NamedText | None = None
    plan: QuantizationPlan | None = None
    options: CalibrationOptions = dataclasses.field(default_factory=CalibrationOptions)
    target: Target | None = None
    full_report: bool = False
    direction: tuple[str | None, str | None] = (None, None)

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
    model = model.between(*request.direction)
    calibrator = Calibrator(
        model, folder=steps_folder(output, "calibration"), progress=timed, threads=threads
    )
    with calibrator.held():
        calibration = _calibration(calibrator, request)
        configurations = tuple(_configurations(calibration)) if request.full_report else ()
        run = this_run(threads, timed.stages())
        speed = measured_speed(calibration, threads, timed)
        report = quality_report(calibration, run, configurations, speed)
        quantized = _quantized(calibration)
        measured = report.compact().to_dict() if report else unjudged_report(calibration, run)
        if report is not None and report_file is not None:
            durable.write_file(report_file, render(report).encode("utf-8"))
        pairs = calibration.data.observed if calibration.data else None
        write_quantized(
            *(output, model, quantized),
            measured={"calibration": measured},
            alignment=alignment_heads(model, quantized.model, pairs, threads),
            overwrite=overwrite,
        )
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


def _configurations(calibration: Calibration) -> Iterator[MeasuredConfiguration]:
    """Every published configuration on the dev set, where there is text to observe the model on."""
    if calibration.original is None or calibration.data is None or calibration.target is None:
        return
    trials = ConfigurationTrials(calibration.original, calibration.data.measurements)
    for configuration in published_configurations():
        yield trials.measure(configuration, calibration.target.dev)

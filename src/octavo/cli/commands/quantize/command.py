"""``octavo quantize``: a float model directory in, an int8 one out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octavo.cli.commands.quantize.integer import checked_calibration, freeze, freezes_to_integers
from octavo.cli.commands.quantize.options import (
    BiasCorrectionOption,
    CalibrateOption,
    CoverageOption,
    Float32Option,
    InputsOption,
    MaxDropOption,
    MethodOption,
    MetricOption,
    PlanOption,
    ReportOption,
    SentencesOption,
    SmoothOption,
)
from octavo.cli.options import (
    DevOption,
    SourceLanguageOption,
    TargetLanguageOption,
    ThreadsOption,
    named_model,
)
from octavo.cli.terminal.lines import open_lines
from octavo.errors import InputError, OutputError

if TYPE_CHECKING:
    from octavo.calibration.choose.calibrate import CalibrationOptions
    from octavo.calibration.choose.gate import Target
    from octavo.calibration.quantize import Request
    from octavo.calibration.text.named_text import NamedText
    from octavo.model.plan import QuantizationPlan


def quantize(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is the directory of a float model, or the name of an installed one.",
            parser=named_model,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The int8 model is written to DIR.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An existing output is replaced.")] = False,
    threads: ThreadsOption = 0,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    calibrate: CalibrateOption = None,
    method: MethodOption = None,
    coverage: CoverageOption = None,
    inputs: InputsOption = None,
    smooth: SmoothOption = None,
    bias_correction: BiasCorrectionOption = None,
    sentences: SentencesOption = None,
    float32: Float32Option = None,
    plan: PlanOption = None,
    dev: DevOption = None,
    max_drop: MaxDropOption = None,
    metric: MetricOption = None,
    report: ReportOption = None,
) -> None:
    """Quantize a model to int8, with a budget for what it may lose.

    Weights get one scale per output channel. Without --calibrate, inputs get theirs per token, at run time,
    and attention's own products stay in float32. With it, ranges come from the model's translations of SRC:
    faster, and everything can run in int8. A language model with softmax attention is quantized without it.

    An Integer Transformer needs --calibrate, and PyTorch. It becomes a model of integers alone: nothing of it
    is left in float32.

    With --dev, the loss is measured, and as many products are left in float32 as the budget needs. Nothing is
    written where that is not enough. A run that is stopped goes on where it was when it is started again.

        octavo quantize my-model -o my-int8
        octavo quantize my-model --calibrate train.en -o my-int8
        octavo quantize my-model --calibrate train.en --dev dev.en dev.de --report report.html -o my-int8
        octavo quantize my-model --calibrate train.en --method mse --float32 output -o my-int8
    """
    calibrating: dict[str, Any] = {
        "--method": method,
        "--coverage": coverage,
        "--inputs": inputs,
        "--smooth": smooth,
        "--bias-correction": bias_correction,
        "--sentences": sentences,
        "--float32": float32,
    }
    judging = {"--max-drop": max_drop, "--metric": metric, "--report": report}
    _check(calibrate, plan, dev, calibrating, judging)
    if (source_language or target_language) and not (calibrate or plan):
        raise typer.BadParameter("--from and --to are the languages of texts; add --calibrate SRC")
    if freezes_to_integers(model):
        text = _text(
            checked_calibration(model, calibrate, {**calibrating, "--plan": plan, "--report": report})
        )
        target = _target(dev, max_drop, metric) if dev else None
        freeze(
            *(model, output, text, target, method, sentences),
            direction=(source_language, target_language),
            overwrite=overwrite,
            threads=threads,
        )
        return
    _check_needs_text(model, calibrate or plan)
    if calibrate is None and plan is None:
        _quantize_dynamically(model, output, overwrite)
        return
    if report is not None:
        _check_report(report, [path for path in (calibrate, plan, *(dev or ())) if path])
    from octavo.artifact.writing import check_output
    from octavo.calibration.quantize import Request

    check_output(model, output, overwrite=overwrite)
    request = Request(
        text=_text(calibrate) if calibrate else None,
        plan=_plan(plan) if plan else None,
        options=_options(calibrating),
        target=_target(dev, max_drop, metric) if dev else None,
        full_report=report is not None,
        direction=(source_language, target_language),
    )
    _calibrate(model, output, request, report, overwrite=overwrite, threads=threads)


def _check(
    calibrate: Path | None,
    plan: Path | None,
    dev: tuple[Path, Path] | None,
    calibrating: dict[str, Any],
    judging: dict[str, Any],
) -> None:
    """Refuse options that would do nothing. Raises typer.BadParameter."""
    if calibrate and plan:
        raise typer.BadParameter("--calibrate finds a plan and --plan brings one; give one of them")
    if not calibrate:
        for name, value in calibrating.items():
            if value is not None:
                raise typer.BadParameter(f"{name} says how to calibrate; add --calibrate SRC")
    if dev and not (calibrate or plan):
        raise typer.BadParameter("--dev judges a calibrated model; add --calibrate SRC, or --plan FILE")
    if not dev:
        for name, value in judging.items():
            if value is not None:
                raise typer.BadParameter(f"{name} needs a dev set to measure on; add --dev SRC REF")


def _check_needs_text(model: Path, given: Path | None) -> None:
    """A language model with softmax attention needs no text. Raises typer.BadParameter where it has some."""
    from octavo.artifact import ModelDirectory

    if given and ModelDirectory.open(model).config.is_language_model:
        raise typer.BadParameter(
            f"{model} is a language model with softmax attention, whose inputs get their scales at run time: "
            "leave --calibrate and --plan out"
        )


def _check_report(path: Path, inputs: list[Path]) -> None:
    """Find out now, not after an hour, that it cannot be written."""
    if path.resolve() in {given.resolve() for given in inputs}:
        raise OutputError(f"{path}: is read by this very command; name another file for the report")
    if path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is a directory")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no directory {path.parent}")


def _quantize_dynamically(model: Path, output: Path, overwrite: bool) -> None:
    from rich.console import Console

    from octavo.cli.commands.quantize.summary import weight_errors, weight_sizes
    from octavo.quantization.model import quantize_model

    quantized = quantize_model(model, output, overwrite=overwrite)
    console = Console()
    console.print(weight_sizes(quantized), weight_errors(quantized))
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)


def _calibrate(
    model: Path, output: Path, request: Request, report: Path | None, *, overwrite: bool, threads: int
) -> None:
    from rich.console import Console

    from octavo.calibration.quantize import quantize_calibrated
    from octavo.cli.commands.quantize.summary import print_summary
    from octavo.cli.terminal.stages import resumable_stages

    with resumable_stages(output, "calibration") as stages:
        written = quantize_calibrated(
            *(model, output, request),
            report_file=report,
            overwrite=overwrite,
            threads=threads,
            progress=stages,
        )
    console = Console()
    print_summary(console, written)
    console.print(f"Wrote {output}", highlight=False, markup=False, soft_wrap=True)
    if report is not None:
        console.print(f"Wrote {report}", highlight=False, markup=False, soft_wrap=True)


def _lines(path: Path) -> tuple[str, ...]:
    with open_lines(path) as lines:
        return tuple(lines)


def _text(path: Path) -> NamedText:
    from octavo.calibration.text.named_text import NamedText

    return NamedText(str(path), _lines(path))


def _target(dev: tuple[Path, Path], max_drop: float | None, metric: Any) -> Target:
    from octavo.calibration.choose.budget import Budget
    from octavo.calibration.choose.gate import Target
    from octavo.calibration.measure.dev_text import DevText

    source, reference = dev
    given = {"max_drop": max_drop, "metric": metric}
    budget = Budget(**{name: value for name, value in given.items() if value is not None})
    return Target(DevText(str(source), str(reference), _lines(source), _lines(reference)), budget)


def _plan(path: Path) -> QuantizationPlan:
    from octavo.artifact.json_file import read_json_object
    from octavo.errors import ModelError
    from octavo.model.errors import SpecError
    from octavo.model.plan import QuantizationPlan

    try:
        return QuantizationPlan.from_dict(read_json_object(path))
    except (ModelError, SpecError) as error:
        raise InputError(f"{path}: no quantization plan: {error}") from error


def _options(given: dict[str, Any]) -> CalibrationOptions:
    from octavo.calibration.candidates.coverage import Coverage, Inputs
    from octavo.calibration.choose.calibrate import CalibrationOptions
    from octavo.quantization.thresholds import Method

    method = given["--method"] or "auto"
    values = {
        "method": None if method == "auto" else Method(method),
        "coverage": Coverage(given["--coverage"] or "full"),
        "inputs": Inputs(given["--inputs"] or "mixed"),
        "smooth": given["--smooth"],
        "correct_biases": given["--bias-correction"],
        "sentences": given["--sentences"],
        "float32": tuple(given["--float32"] or ()),
    }
    return CalibrationOptions(**{name: value for name, value in values.items() if value is not None})

"""Options of ``octavo quantize`` that say how to calibrate, and what quality to keep."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from octavo.cli.options import GATE_PANEL

CALIBRATION_PANEL: Final = "Calibration"

MethodName = Literal["auto", "naive", "percentile", "mse", "kl-symmetric", "kl-independent", "kl-conjugate"]
CoverageName = Literal["full", "paper"]
InputsName = Literal["mixed", "static", "dynamic"]
MetricName = Literal["bleu", "chrf"]

CalibrateOption = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        metavar="SRC",
        help=(
            "SRC is a text in the source language, like the text to be translated; the model is calibrated "
            "on it."
        ),
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
MethodOption = Annotated[
    MethodName | None,
    typer.Option(
        "--method",
        help="The method that finds ranges. auto (the default) takes the one that changes predictions least.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
CoverageOption = Annotated[
    CoverageName | None,
    typer.Option(
        "--coverage",
        help="The products that run in int8: full (the default) is all of them, paper is all but attention's "
        "own products and those with sparse inputs, as Bhandare et al. (2019) chose.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
InputsOption = Annotated[
    InputsName | None,
    typer.Option(
        "--inputs",
        help="The scales by which weight products quantize their inputs. static is one scale, found "
        "beforehand; dynamic is one scale per token, measured at run time, a little slower and a little "
        "closer; mixed (the default) is dynamic only where static costs most.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
SmoothOption = Annotated[
    bool | None,
    typer.Option(
        "--smooth/--no-smooth",
        help="Scales of outliers go into weights (SmoothQuant) where that helps. By default it is tried.",
        show_default=False,
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
BiasCorrectionOption = Annotated[
    bool | None,
    typer.Option(
        "--bias-correction/--no-bias-correction",
        help="Mean errors are taken off the biases where that helps. By default it is tried.",
        show_default=False,
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
SentencesOption = Annotated[
    int | None,
    typer.Option(
        "--sentences",
        metavar="N",
        min=1,
        help="At most N sentences are taken from SRC, evenly spread. The default is 600.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
Float32Option = Annotated[
    list[str] | None,
    typer.Option(
        "--float32",
        metavar="PRODUCT",
        help=(
            "PRODUCT stays in float32. It is a name or a pattern like 'decoder.*.outer'; the option may be "
            "repeated."
        ),
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="The model is quantized by this plan and not calibrated. Training with quantization in the loop "
        "writes one, as JSON.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
MaxDropOption = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="X",
        min=0.0,
        max=100.0,
        help="At most X points of the metric may be lost on the dev set. The default is 0.1.",
        rich_help_panel=GATE_PANEL,
    ),
]
MetricOption = Annotated[
    MetricName | None,
    typer.Option("--metric", help="The metric of the loss. The default is bleu.", rich_help_panel=GATE_PANEL),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help=(
            "A quality report is written to FILE, one HTML page. Every method and product is measured for "
            "it, which takes longer."
        ),
        rich_help_panel=GATE_PANEL,
    ),
]

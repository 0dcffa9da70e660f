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
        help="Text to calibrate on, in the source language, like that to be translated.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
MethodOption = Annotated[
    MethodName | None,
    typer.Option(
        "--method",
        help="How ranges are found. auto (the default) takes the one that changes predictions least.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
CoverageOption = Annotated[
    CoverageName | None,
    typer.Option(
        "--coverage",
        help="Which products run in int8. full (the default): all of them. paper: all but attention's own "
        "products and those with sparse inputs, as Bhandare et al. (2019) chose.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
InputsOption = Annotated[
    InputsName | None,
    typer.Option(
        "--inputs",
        help="How weight products quantize their inputs. static: by one scale, found beforehand. dynamic: by "
        "one scale per token, measured at run time; a little slower, a little closer. mixed (the default): "
        "dynamic only where static costs most.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
SmoothOption = Annotated[
    bool | None,
    typer.Option(
        "--smooth/--no-smooth",
        help="Try to move outliers' scales into weights; kept where it helps. Default: try.",
        show_default=False,
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
BiasCorrectionOption = Annotated[
    bool | None,
    typer.Option(
        "--bias-correction/--no-bias-correction",
        help="Try to take mean errors off the biases; kept where it helps. Default: try.",
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
        help="Most sentences taken from SRC, evenly spread. Default: 600.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
Float32Option = Annotated[
    list[str] | None,
    typer.Option(
        "--float32",
        metavar="PRODUCT",
        help="Leave this product in float32; a name or a pattern like 'decoder.*.outer'. May be repeated.",
        rich_help_panel=CALIBRATION_PANEL,
    ),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Quantize by this plan (JSON, as training with quantization in the loop writes it) instead of "
        "calibrating.",
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
        help="Points of the metric that may be lost on the dev set. Default: 0.1.",
        rich_help_panel=GATE_PANEL,
    ),
]
MetricOption = Annotated[
    MetricName | None,
    typer.Option("--metric", help="Default: bleu.", rich_help_panel=GATE_PANEL),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a quality report, one HTML page. Measures every method and product for it: takes longer.",
        rich_help_panel=GATE_PANEL,
    ),
]

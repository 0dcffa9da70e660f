"""Options that several commands share, so that each is named and explained once."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from octavo.spec import MAX_BEAM, MAX_LENGTH_PENALTY, MAX_LENGTH_RATIO, MAX_POSITIONS

SEARCH_PANEL: Final = "Search"
GATE_PANEL: Final = "Quality gate"

PrecisionName = Literal["int8", "float32", "integer"]

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="DIR", help="Model directory. Default: the English-German model in the box."
    ),
]
PrecisionOption = Annotated[
    PrecisionName | None,
    typer.Option("--precision", help="Arithmetic. Default: what the model is stored for."),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", "-t", metavar="N", min=0, max=1024, help="Threads; 0 takes every core.")
]
WholeLinesOption = Annotated[
    bool,
    typer.Option(
        "--whole-lines", help="Hand the model whole lines, for one that was trained on several sentences."
    ),
]
ShortlistOption = Annotated[
    bool,
    typer.Option(
        "--shortlist/--no-shortlist",
        help="Use the model's shortlist, where it has one, or choose from its whole vocabulary.",
        show_default=False,
    ),
]
BeamOption = Annotated[
    int | None,
    typer.Option(
        "--beam",
        "-b",
        metavar="N",
        min=1,
        max=MAX_BEAM,
        help="Hypotheses kept at each step; 1 is greedy and fastest. Default: the model's.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
NbestOption = Annotated[
    int | None,
    typer.Option(
        "--nbest",
        "-n",
        metavar="N",
        min=1,
        max=MAX_BEAM,
        help="Print the N best of each line, as a table. At most the beam.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
LengthPenaltyOption = Annotated[
    float | None,
    typer.Option(
        "--length-penalty",
        metavar="X",
        min=0.0,
        max=MAX_LENGTH_PENALTY,
        help="Scores are log-probability / length^X. Default: the model's.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
MinLengthOption = Annotated[
    int | None,
    typer.Option(
        "--min-length",
        metavar="N",
        min=0,
        max=MAX_POSITIONS,
        help="Fewest tokens of a translation.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        metavar="N",
        min=1,
        max=MAX_POSITIONS,
        help="Most tokens of a translation. Default: as many as the model has positions for.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
LengthRatioOption = Annotated[
    float | None,
    typer.Option(
        "--length-ratio",
        metavar="X",
        min=0.0,
        max=MAX_LENGTH_RATIO,
        help="Most target tokens for each source token, beside a small margin. Default: the model's.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DevOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        "--dev",
        metavar="SRC REF",
        help="Text and its translation, line for line, to measure the loss on. Not the test set.",
        rich_help_panel=GATE_PANEL,
    ),
]

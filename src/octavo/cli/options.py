"""Options that several commands share, so that each is named and explained once."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from octavo.model.limits import (
    MAX_BEAM,
    MAX_LENGTH_PENALTY,
    MAX_LENGTH_RATIO,
    MAX_POSITIONS,
    MAX_REPETITION_PENALTY,
    MAX_THREADS,
    MAX_WORD_PENALTY,
    MIN_REPETITION_PENALTY,
)
from octavo.model.search import Stop, Unknown

SEARCH_PANEL: Final = "Search"
GATE_PANEL: Final = "Quality gate"

PrecisionName = Literal["int8", "float32", "integer"]


def named_model(name: str) -> Path:
    """The directory of the model that an option or argument names. Raises ModelError."""
    from octavo.catalog import resolve

    return resolve(name)


ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help=(
            "MODEL is a model directory, or the name or the pair of an installed model, such as en-de. "
            "Without it, the English-German model in the box is used."
        ),
        parser=named_model,
    ),
]
SourceLanguageOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="LANG",
        help=(
            "LANG is the language that a model of several translates from: a tag, such as en, or the model's "
            "code. `octavo inspect` lists them."
        ),
    ),
]
TargetLanguageOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="LANG", help="LANG is the language that a model of several translates to, as --from."
    ),
]
PrecisionOption = Annotated[
    PrecisionName | None,
    typer.Option(
        "--precision", help="The arithmetic that the model runs in. The default is the one it is stored for."
    ),
]
ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        "-t",
        metavar="N",
        min=0,
        max=MAX_THREADS,
        help="The engine runs on N threads; 0 stands for one on every core.",
    ),
]
WholeLinesOption = Annotated[
    bool,
    typer.Option(
        "--whole-lines", help="The model gets whole lines, not sentences; it must have been trained on such."
    ),
]
ShortlistOption = Annotated[
    bool,
    typer.Option(
        "--shortlist/--no-shortlist",
        help=(
            "The model chooses from its shortlist, where it has one (the default), or from its whole "
            "vocabulary."
        ),
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
        help=(
            "The search keeps N hypotheses at each step; 1 is greedy and fastest. The default is the model's."
        ),
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
        help="The output is a table of the N best translations of each line. N is at most the beam.",
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
        help="A score is log-probability / length^X. The default is the model's.",
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
        help="A translation has at least N tokens.",
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
        help="A translation has at most N tokens. The default is as many as the model has positions for.",
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
        help=(
            "A translation has at most X tokens for each token of its source, and a small margin. The "
            "default is the model's."
        ),
        rich_help_panel=SEARCH_PANEL,
    ),
]
NoRepeatOption = Annotated[
    int | None,
    typer.Option(
        "--no-repeat-ngram",
        metavar="N",
        min=0,
        max=MAX_POSITIONS,
        help="No N tokens in a row come twice in a translation; 0 lets them. The default is the model's.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
RetryOption = Annotated[
    bool | None,
    typer.Option(
        "--retry/--no-retry",
        help=(
            "A sentence whose translation goes wrong is searched for again, more safely. This is the "
            "default, but not with --no-repeat-ngram 0."
        ),
        show_default=False,
        rich_help_panel=SEARCH_PANEL,
    ),
]
RepetitionPenaltyOption = Annotated[
    float | None,
    typer.Option(
        "--repetition-penalty",
        metavar="X",
        min=MIN_REPETITION_PENALTY,
        max=MAX_REPETITION_PENALTY,
        help="Above 1, tokens that a translation already has become less likely; 1 changes nothing.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
WordPenaltyOption = Annotated[
    float | None,
    typer.Option(
        "--word-penalty",
        metavar="X",
        min=-MAX_WORD_PENALTY,
        max=MAX_WORD_PENALTY,
        help="X is taken off the log-probability of a translation for each of its tokens.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
StopOption = Annotated[
    Stop | None,
    typer.Option(
        "--stop",
        metavar="RULE",
        help="When a search ends: full, heuristic, exhaustive or shrinking. The default is the model's.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
UnknownOption = Annotated[
    Unknown | None,
    typer.Option(
        "--unknown",
        metavar="WHAT",
        help="Unknown words in translations: suppress, allow, or copy them from the source.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
TargetPrefixOption = Annotated[
    str | None,
    typer.Option(
        "--target-prefix",
        metavar="TEXT",
        help="Each translation begins with TEXT, and the model goes on from there.",
        rich_help_panel=SEARCH_PANEL,
    ),
]
GlossaryOption = Annotated[
    Path | None,
    typer.Option(
        "--glossary",
        metavar="FILE",
        help="Terms are translated as FILE says, a table of TSV, CSV or TBX: term, translation.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The report is printed as JSON, for programs.")]
DevOption = Annotated[
    tuple[Path, Path] | None,
    typer.Option(
        "--dev",
        metavar="SRC REF",
        help=(
            "SRC is a text and REF its translation, line for line; the loss is measured on them. Do not "
            "take the test set."
        ),
        rich_help_panel=GATE_PANEL,
    ),
]

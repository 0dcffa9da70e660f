"""``octavo translate``: lines in, lines out."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import octavo
from octavo.cli.options import (
    BeamOption,
    LengthPenaltyOption,
    LengthRatioOption,
    MaxLengthOption,
    MinLengthOption,
    ModelOption,
    NbestOption,
    PrecisionOption,
    ShortlistOption,
    ThreadsOption,
    WholeLinesOption,
)
from octavo.cli.terminal.failures import note
from octavo.cli.terminal.json_output import encoded
from octavo.cli.terminal.lines import LineInput, lines_of_texts, open_lines
from octavo.cli.terminal.output import LineOutput, open_output
from octavo.cli.terminal.progress import is_terminal, line_progress

if TYPE_CHECKING:
    from octavo.translation import SearchChanges, Translation, Translator

_LISTED: Final = 5


def translate(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="TEXT is translated; each has a line of output."),
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", metavar="FILE", help="The lines of FILE are translated.")
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The output goes to FILE, which appears when it is whole."
        ),
    ] = None,
    model: ModelOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
    whole_lines: WholeLinesOption = False,
    shortlist: ShortlistOption = True,
    scores: Annotated[
        bool, typer.Option("--scores", "-s", help="The score of each translation is printed.")
    ] = False,
    beam: BeamOption = None,
    nbest: NbestOption = None,
    length_penalty: LengthPenaltyOption = None,
    min_length: MinLengthOption = None,
    max_length: MaxLengthOption = None,
    length_ratio: LengthRatioOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The output has a JSON object for each line, for programs.")
    ] = False,
) -> None:
    """Translate text, line for line.

    The command reads TEXT, the lines of a file, or standard input, and writes one line for each of them, in
    order, as soon as it is ready. Text is UTF-8. A blank line stays blank. A line of several sentences is
    translated sentence by sentence, a sentence too long for the model in pieces.

        octavo translate "A man rides a bicycle."
        octavo translate -i talk.en -o talk.de
        octavo translate --beam 1 < talk.en | gzip > talk.de.gz
        octavo translate --nbest 3 --scores "Two dogs play in the snow."

    With --scores a line is SCORE, TAB, translation. With --nbest it is LINE, RANK, translation, or
    LINE, RANK, SCORE, translation, with TABs between: LINE counts the lines of input from 1, RANK 1 is
    the best. A score is log-probability / length^X: the nearer to 0, the surer. With --json a line is an
    object: source, text, score, complete, alternatives (the n best) and warnings.

    Translations that are likely to be wrong are counted on standard error, with the first line numbers: empty
    ones, those that repeat themselves, and those of text that the vocabulary cannot read.

    A run that fails or is stopped leaves the lines done in FILE.partial, or in FILE.partial.2 and so on
    where there is one. Exit codes: 0 done; 2 bad input, option, model or output; 130 Ctrl-C.
    """
    if text and input_file is not None:
        raise typer.BadParameter("give TEXT or --input FILE, not both")
    changes: SearchChanges = {
        "beam": beam,
        "nbest": nbest,
        "length_penalty": length_penalty,
        "min_length": min_length,
        "max_length": max_length,
        "length_ratio": length_ratio,
    }
    if as_json and scores:
        raise typer.BadParameter("--json holds the scores; leave --scores out")
    layout = _Layout(scores=scores, ranks=nbest is not None, as_json=as_json)
    source = nullcontext(lines_of_texts(text)) if text else open_lines(input_file)
    with (
        open_output(output_file) as output,
        source as lines,
        octavo.load(
            model,
            precision=precision,
            threads=threads,
            sentence_by_sentence=not whole_lines,
            shortlist=shortlist,
        ) as translator,
    ):
        tally = _translate_lines(translator, lines, output, changes, layout)
    tally.report(output.lines)


@dataclasses.dataclass(frozen=True, slots=True)
class _Layout:
    """What a line of output holds beside the translation."""

    scores: bool
    ranks: bool
    as_json: bool

    def rows(self, number: int, translation: "Translation") -> Iterator[str]:
        """The lines of output for line ``number`` of the input, counted from 1."""
        if self.as_json:
            yield encoded(_described(translation))
            return
        chosen = translation.alternatives if self.ranks else translation.alternatives[:1]
        for rank, alternative in enumerate(chosen, 1):
            cells = [str(number), str(rank)] if self.ranks else []
            if self.scores:
                cells.append(f"{alternative.score:.6f}")
            yield "\t".join([*cells, alternative.text])


def _described(translation: "Translation") -> dict[str, Any]:
    return {
        "source": translation.source,
        "text": translation.text,
        "score": translation.score,
        "complete": translation.complete,
        "alternatives": [
            {"text": found.text, "score": found.score, "complete": found.complete}
            for found in translation.alternatives
        ],
        "warnings": list(map(str, translation.warnings)),
    }


class _Tally:
    """Lines whose translation a reader should look at."""

    def __init__(self) -> None:
        self._cut = 0
        self._split = 0
        self._warned = 0
        self._counts: Counter[str] = Counter()  # of each warning
        self._first: dict[str, list[int]] = {}  # lines with it, counted from 1

    def add(self, number: int, translation: "Translation") -> None:
        """Count the translation of line ``number``."""
        self._cut += not translation.complete
        self._split += translation.too_long
        self._warned += bool(translation.warnings)
        for warning in translation.warnings:
            self._counts[warning] += 1
            if len(first := self._first.setdefault(warning, [])) < _LISTED:
                first.append(number)

    def report(self, lines: int) -> None:
        """Say on standard error what was cut, split or looks wrong, if anything does."""
        if self._cut:
            note(
                f"{self._cut} of {lines} translations were cut at the length limit and may lack their end; "
                "--length-ratio and --max-length raise it"
            )
        if self._split:
            note(
                f"{self._split} of {lines} lines had a sentence too long for the model, translated in pieces"
            )
        if self._warned:
            reasons = " ".join(f"{self._lines(why)}: {why}" for why in self._counts)
            note(f"{self._warned} of {lines} translations should be looked at. {reasons}")

    def _lines(self, warning: str) -> str:
        """The first lines that have it, and how many more there are."""
        shown = ", ".join(map(str, self._first[warning]))
        more = self._counts[warning] - len(self._first[warning])
        return f"{'Lines' if ',' in shown else 'Line'} {shown}{f' and {more} more' if more else ''}"


def _translate_lines(
    translator: "Translator",
    lines: LineInput,
    output: LineOutput,
    changes: "SearchChanges",
    layout: _Layout,
) -> _Tally:
    if lines.interactive and is_terminal(sys.stderr):
        note("type a line to translate and press Enter; Ctrl-D ends")
    mixed = is_terminal(sys.stdout) and output.is_standard
    shown = is_terminal(sys.stderr) and not lines.interactive and not mixed
    tally = _Tally()
    done = 0
    with line_progress("Translating", lines.total_bytes, shown=shown) as advance:
        for translation in translator.stream(lines, waits=lines.waits, **changes):
            output.write(list(layout.rows(output.lines + 1, translation)), 1)
            tally.add(output.lines, translation)
            done += len(translation.source.encode()) + 1
            advance(done, output.lines)
    return tally

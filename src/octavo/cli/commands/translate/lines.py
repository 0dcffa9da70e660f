"""Lines in, lines out."""

import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from octavo.cli.terminal.failures import note
from octavo.cli.terminal.json_output import encoded
from octavo.cli.terminal.lines import LineInput, ParagraphInput, with_places
from octavo.cli.terminal.output import LineOutput
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.errors import counted
from octavo.text.clean import one_line

if TYPE_CHECKING:
    from octavo.translation import TranslatedSegment, Translation, TranslationOptions, Translator

_LISTED: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
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
            yield "\t".join([*cells, one_line(alternative.text)] if cells else [alternative.text])


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
        "segments": [_segment(segment) for segment in translation.segments],
    }


def similar_notes(where: str, translation: "Translation") -> Iterator[str]:
    """What the memory has for sentences like those at ``where``, for a person."""
    for segment in translation.segments:
        if (hit := segment.similar) is not None:
            source, target = one_line(hit.source), one_line(hit.target)
            yield f"{where}: {hit.score:.0f} % like {source!r}, translated as {target!r}"


def _segment(segment: "TranslatedSegment") -> dict[str, Any]:
    return {
        "source": [segment.source_start, segment.source_end],
        "text": [segment.start, segment.end],
        "origin": segment.origin,
        **({"similar": dataclasses.asdict(segment.similar)} if segment.similar else {}),
    }


class Tally:
    """Lines whose translation a reader should look at."""

    def __init__(self) -> None:
        self._cut = 0
        self._split = 0
        self._warned = 0
        self._counts: Counter[str] = Counter()  # of each warning
        self._first: dict[str, list[int]] = {}  # lines with it, counted from 1
        self._similar: list[str] = []  # the first
        self._similar_count = 0

    def add(self, number: int, translation: "Translation") -> None:
        """Count the translation of line ``number``."""
        self._cut += not translation.complete
        self._split += translation.too_long
        self._warned += bool(translation.warnings)
        for warning in translation.warnings:
            self._counts[warning] += 1
            if len(first := self._first.setdefault(warning, [])) < _LISTED:
                first.append(number)
        for note_ in similar_notes(f"Line {number}", translation):
            self._similar_count += 1
            if len(self._similar) < _LISTED:
                self._similar.append(note_)

    def report(self, lines: int) -> None:
        """Say on standard error what was cut, split or looks wrong, if anything does."""
        if self._cut:
            note(
                f"{self._cut} of {counted(lines, 'translation')} "
                f"{'was' if self._cut == 1 else 'were'} cut at the length limit and may lack their end; "
                "--length-ratio and --max-length raise it"
            )
        if self._split:
            note(
                f"{self._split} of {counted(lines, 'line')} had a sentence too long for the model, "
                "translated in pieces"
            )
        if self._warned:
            reasons = " ".join(f"{self._lines(why)}: {why}" for why in self._counts)
            note(f"{self._warned} of {counted(lines, 'translation')} should be looked at. {reasons}")
        for similar in self._similar:
            note(similar)
        if (more := self._similar_count - len(self._similar)) > 0:
            note(
                f"{more} more {'sentence is' if more == 1 else 'sentences are'} like one of the "
                "memory; --json has all of them"
            )

    def _lines(self, warning: str) -> str:
        """The first lines that have it, and how many more there are."""
        shown = ", ".join(map(str, self._first[warning]))
        more = self._counts[warning] - len(self._first[warning])
        return f"{'Lines' if ',' in shown else 'Line'} {shown}{f' and {more} more' if more else ''}"


def translate_lines(
    translator: "Translator",
    lines: LineInput | ParagraphInput,
    output: LineOutput,
    options: "TranslationOptions",
    layout: Layout,
) -> Tally:
    if lines.interactive and is_terminal(sys.stderr):
        note("type a line to translate and press Enter; Ctrl-D ends")
    mixed = is_terminal(sys.stdout) and output.is_standard
    shown = is_terminal(sys.stderr) and not lines.interactive and not mixed
    tally = Tally()
    done = 0
    with line_progress("Translating", lines.total_bytes, shown=shown) as advance:
        texts = with_places(translator, lines, lines.name)
        for translation in translator.stream(texts, waits=lines.waits, **options):
            number = output.lines + 1
            output.write(list(layout.rows(number, translation)), translation.source.count("\n") + 1)
            tally.add(number, translation)
            done += len(translation.source.encode()) + 1
            advance(done, output.lines)
    return tally

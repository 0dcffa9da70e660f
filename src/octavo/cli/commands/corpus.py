"""``octavo corpus``: files of any size in, shards with translations out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from octavo import interrupt
from octavo.cli.options import (
    BeamOption,
    GlossaryOption,
    LengthPenaltyOption,
    LengthRatioOption,
    MaxLengthOption,
    MinLengthOption,
    ModelOption,
    NoRepeatOption,
    PrecisionOption,
    RepetitionPenaltyOption,
    RetryOption,
    ShortlistOption,
    SourceLanguageOption,
    StopOption,
    TargetLanguageOption,
    ThreadsOption,
    WholeLinesOption,
    WordPenaltyOption,
)
from octavo.cli.terminal.progress import is_terminal
from octavo.errors import counted

if TYPE_CHECKING:
    from octavo.corpus.report import Report

FormatName = Literal["text", "jsonl", "csv", "tsv", "parquet"]


def corpus(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help=(
                'Each IN is a file, or a pattern such as "data/*.jsonl". Files that end in .gz or .zst are '
                "unpacked."
            ),
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="DIR is the directory of the job: its shards and its report.",
        ),
    ],
    column: Annotated[
        str,
        typer.Option(
            "--column",
            "--field",
            metavar="NAME",
            help="The column, or field of JSON, that is translated.",
        ),
    ] = "text",
    target_column: Annotated[
        str, typer.Option("--target-column", metavar="NAME", help="The column that translations go to.")
    ] = "translation",
    format_name: Annotated[
        FormatName | None,
        typer.Option("--format", help="The format of the inputs. The default is what their names say."),
    ] = None,
    rows_per_shard: Annotated[
        int,
        typer.Option(
            "--rows-per-shard", metavar="N", min=1, help="A shard has N rows, the last of a file fewer."
        ),
    ] = 10_000,
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures",
            metavar="N",
            min=0,
            help="The command stops where more than N rows have failed. The default is to go on.",
        ),
    ] = None,
    glossary: GlossaryOption = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help=(
                "The work is done on a Ray cluster: its host:port, auto for that of this machine, or local "
                "for one that is started here. All nodes must share the files."
            ),
        ),
    ] = None,
    model: ModelOption = None,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
    whole_lines: WholeLinesOption = False,
    shortlist: ShortlistOption = True,
    beam: BeamOption = None,
    length_penalty: LengthPenaltyOption = None,
    min_length: MinLengthOption = None,
    max_length: MaxLengthOption = None,
    length_ratio: LengthRatioOption = None,
    no_repeat_ngram: NoRepeatOption = None,
    retry: RetryOption = None,
    repetition_penalty: RepetitionPenaltyOption = None,
    word_penalty: WordPenaltyOption = None,
    stop: StopOption = None,
) -> None:
    """Translate a corpus of any size: text, JSON lines, CSV, TSV or Parquet.

    Rows come out in their order and their format, in shards: part-00000.jsonl and so on. All other columns
    stay as they were. Of text the shards have the translations, line for line. Memory does not grow with the
    inputs.

        octavo corpus news.txt -o news.de
        octavo corpus "data/*.jsonl.zst" --field body -o translated --beam 1
        octavo corpus data/*.parquet --column en --target-column de -o translated --ray auto

    A shard appears in DIR when it is whole. A command that was stopped, or killed, goes on when it is started
    again: finished shards stay, torn ones are made again. DIR belongs to one job: other inputs, options or
    another model are an error that says what differs.

    Rows that cannot be translated (lines that are not UTF-8, bad JSON, a missing field) never stop the
    others: DIR/failed.jsonl has the file, the row and the reason, and the shards leave them out. Text has an
    empty line in their place. DIR/report.json has rows, tokens a second, warnings and failed rows.

    On Ray each worker has --threads CPUs, 1 by default. Exit codes: 0 done; 2 bad input, option, model or
    output; 130 Ctrl-C.
    """
    from octavo.corpus.run import CorpusRequest, translate_corpus

    request = CorpusRequest(
        inputs=inputs,
        output=output,
        model=model,
        column=column,
        target_column=target_column,
        format=format_name,
        rows_per_shard=rows_per_shard,
        max_failures=max_failures,
        glossary=glossary,
        search={
            "beam": beam,
            "length_penalty": length_penalty,
            "min_length": min_length,
            "max_length": max_length,
            "length_ratio": length_ratio,
            "no_repeat_ngram": no_repeat_ngram,
            "retry": retry,
            "repetition_penalty": repetition_penalty,
            "word_penalty": word_penalty,
            "stop": stop,
        },
        load={
            "precision": precision,
            "threads": threads,
            "sentence_by_sentence": not whole_lines,
            "shortlist": shortlist,
            "source": source_language,
            "to": target_language,
        },
        ray=ray,
    )
    with _progress() as progress:
        report = translate_corpus(request, progress)
    _print(report, output)


class _Progress:
    """Rows, tokens a second and the time left, on standard error where that is a terminal."""

    def __init__(self, drawn: Progress) -> None:
        self._drawn = drawn
        self._task = drawn.add_task("Reading the inputs", total=None, speed="")
        self._tokens = 0

    def planned(self, rows: int) -> None:
        self._drawn.advance(self._task, rows)

    def begin(self, rows: int, done: int) -> None:
        self._drawn.remove_task(self._task)
        self._task = self._drawn.add_task("Translating", total=rows, completed=done, speed="")

    def advance(self, rows: int, tokens: int) -> None:
        interrupt.check()
        self._tokens += tokens
        seconds = self._drawn.tasks[0].elapsed or 0.0
        speed = f"{self._tokens / seconds:,.0f} tokens/s" if seconds else ""
        self._drawn.update(self._task, advance=rows, speed=speed)


@contextmanager
def _progress() -> Iterator[_Progress]:
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows")]
    with Progress(
        *(*columns, TextColumn("{task.fields[speed]}"), TimeRemainingColumn()),
        console=Console(stderr=True),
        transient=True,
        disable=not is_terminal(sys.stderr),
    ) as drawn:
        yield _Progress(drawn)


def _print(report: Report, output: Path) -> None:
    kept = f", {report.kept:,} of them finished before" if report.kept else ""
    rows = {
        "rows": f"{report.rows:,} in {counted(report.shards, 'shard')}{kept}",
        "failed": f"{report.failed:,}" + (f", listed in {output / 'failed.jsonl'}" if report.failed else ""),
        "time": f"{report.seconds:,.1f} s",
    }
    for name, worker in report.workers.items():
        rows[f"worker {name}"] = (
            f"{worker.tokens_per_second:,.0f} tokens/s ({counted(worker.shards, 'shard')}, "
            f"{worker.seconds:,.1f} s)"
        )
    width = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:<{width}}  {value}")
    for warning, count in report.warnings.items():
        print(f"{counted(count, 'row')}: {warning}")
    print(f"Wrote {output}")

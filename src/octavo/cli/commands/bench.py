"""``octavo bench``: how fast this machine translates."""

import dataclasses
import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import octavo
from octavo.cli.options import (
    BeamOption,
    JsonOption,
    SourceLanguageOption,
    TargetLanguageOption,
    ThreadsOption,
    named_model,
)
from octavo.cli.terminal.json_output import print_json
from octavo.cli.terminal.lines import open_lines
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.errors import InputError, counted
from octavo.machine import cpu_model
from octavo.model.limits import MAX_POSITIONS

if TYPE_CHECKING:
    from octavo.bench.measure import Figures, Pass
    from octavo.bench.subject import Subject
    from octavo.bench.work import Work
    from octavo.engine import Peak

ShapeName = Literal["base", "big", "opus", "firefox-tiny"]
RacingPrecision = Literal["int8", "float32", "integer", "both", "all"]
_RANDOM_LENGTH = 25


def bench(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is a model directory or an installed model. Without it, the English-German model in "
            "the box is used.",
            parser=named_model,
        ),
    ] = None,
    shape: Annotated[
        ShapeName | None,
        typer.Option("--shape", help="Random weights of a well-known shape stand for a model."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            metavar="FILE",
            help="The lines of FILE are translated. Without it, random tokens are.",
        ),
    ] = None,
    sentences: Annotated[
        int,
        typer.Option(
            "--sentences", metavar="N", min=1, help="N lines of FILE, or N random sentences, are translated."
        ),
    ] = 128,
    source_tokens: Annotated[
        int,
        typer.Option(
            "--source-tokens", metavar="N", min=1, max=MAX_POSITIONS, help="A random sentence has N tokens."
        ),
    ] = _RANDOM_LENGTH,
    forced: Annotated[
        int | None,
        typer.Option(
            "--forced",
            metavar="N",
            min=1,
            max=MAX_POSITIONS,
            help=f"Every translation is N tokens long. The default for random tokens is {_RANDOM_LENGTH}.",
        ),
    ] = None,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    beam: BeamOption = None,
    precision: Annotated[
        RacingPrecision | None,
        typer.Option(
            "--precision",
            help=(
                "The arithmetic that is measured. both is int8 and float32; all is integer too, of a shape. "
                "The default is the one the model is stored for."
            ),
        ),
    ] = None,
    threads: ThreadsOption = 0,
    latency: Annotated[
        bool, typer.Option("--latency", help="One sentence is translated at a time, with all threads on it.")
    ] = False,
    rounds: Annotated[
        int,
        typer.Option("--rounds", metavar="N", min=1, help="N rounds are measured, after one that is not."),
    ] = 5,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this machine translates, and how near that is to its limit.

    Tokens per second count target tokens with the end of sentence, from token ids to token ids, loading left
    out: the median of the rounds, and their range. The peak is what the CPU's multiply-add instructions do on
    registers alone, measured in the same run on as many threads. A figure's share of it counts the
    multiply-adds of weight products that the work needs; attention's own are left out. It is known where
    lengths are forced, or with --beam 1. Peak memory is that of a process of its own.

        octavo bench
        octavo bench my-model --source test.en --precision both
        octavo bench --shape base --beam 4
        octavo bench --shape base --precision all
        octavo bench --shape base --beam 1 --latency --json
    """
    from octavo.bench.shapes import Shape
    from octavo.bench.subject import Subject
    from octavo.engine import cpu_report, measure_peak
    from octavo.engine.cpu import available_cores
    from octavo.translation import boxed_model

    if shape and (model or source):
        raise typer.BadParameter("--shape has random weights: leave MODEL and --source out")
    load_before = os.getloadavg()[0]
    languages = source_language, target_language
    subject = Subject(Shape(shape) if shape else model or boxed_model(), languages)
    work = _work(subject, source, (sentences, source_tokens), forced, beam)
    threads = threads or available_cores()
    names = _precisions(subject, precision)
    passes, memory = _run(subject, names, work, threads, rounds, latency=latency)
    peak = measure_peak(cpu_report()["isa"], threads)
    report = {
        "octavo": octavo.__version__,
        "model": subject.name,
        "source": source.name if source else "random tokens",
        "sentences": len(work.sources),
        "source_tokens": work.source_tokens(subject.config),
        "forced": work.forced,
        "beam": work.options.beam,
        "threads": threads,
        "rounds": rounds,
        "latency": latency,
        "cpu": cpu_model(),
        "isa": cpu_report()["isa"],
        "load_average_before": load_before,
        "peak_multiply_adds_per_second": dataclasses.asdict(peak),
        "figures": {
            name: _described(subject, name, work, passes[name], peak) | {"peak_memory_bytes": memory[name]}
            for name in names
        },
    }
    if as_json:
        print_json(report)
    else:
        _print(report)


def _precisions(subject: "Subject", precision: RacingPrecision | None) -> list[Any]:
    races = {"both": ["int8", "float32"], "all": ["int8", "float32", "integer"]}
    return races.get(precision or "") or [precision or subject.precision]


def _work(
    subject: "Subject", source: Path | None, random: tuple[int, int], forced: int | None, beam: int | None
) -> "Work":
    from octavo.bench.work import Work, forced_options, random_sources
    from octavo.engine import SearchOptions

    sentences, source_tokens = random
    config = subject.config
    if source:
        with open_lines(source) as lines:
            texts = list(itertools.islice(lines, sentences))
        sources, direction = subject.encode(texts), subject.direction
        if not sources:
            raise InputError(f"{source}: has no text to translate")
    else:
        sources, direction = random_sources(config, [source_tokens] * sentences), None
        forced = forced or min(_RANDOM_LENGTH, config.max_positions)
    if forced:
        options = forced_options(subject.search, config, forced, beam=beam)
    else:
        options = SearchOptions.from_defaults(subject.search, beam=beam)
    return Work(sources, options, forced, direction)


def _run(
    subject: "Subject", names: list[Any], work: "Work", threads: int, rounds: int, *, latency: bool
) -> tuple[dict[str, list["Pass"]], dict[str, int]]:
    """Passes and peak memory of each precision."""
    from octavo.bench.measure import measure
    from octavo.bench.memory import peak_memory_bytes

    memory = {name: peak_memory_bytes(subject, name, threads, work, latency=latency) for name in names}
    engines = {name: subject.engine(name, threads, latency=latency) for name in names}
    total = (rounds + 1) * len(names)
    with line_progress("Measuring", total, shown=is_terminal(sys.stderr)) as advance:
        passes = measure(
            engines,
            work,
            rounds=rounds,
            latency=latency,
            advance=lambda done: advance(done, done * len(work.sources)),
        )
    return passes, memory


def _described(
    subject: "Subject", precision: Any, work: "Work", passes: list["Pass"], peak: "Peak"
) -> dict[str, Any]:
    """The figures of one precision, plain."""
    from octavo.bench.measure import figures
    from octavo.bench.multiply_adds import multiply_adds

    found: Figures = figures(passes)
    row_steps = work.row_steps(passes[0].translations)
    described = dataclasses.asdict(found) | {
        "target_tokens": sum(passes[0].translations),
        "multiply_adds": None,
        "share_of_peak": None,
    }
    if row_steps is not None:
        done = multiply_adds(
            subject.config,
            subject.plan(precision),
            source_tokens=work.source_tokens(subject.config),
            row_steps=row_steps,
        )
        at_peak = done.seconds_at(peak)
        described["multiply_adds"] = done.total
        described["share_of_peak"] = at_peak / found.seconds.median if at_peak else None
    return described


def _print(report: dict[str, Any]) -> None:
    threads = counted(report["threads"], "thread")
    lengths = f"translations of {counted(report['forced'], 'token')}, " if report["forced"] else ""
    one_by_one = ", one sentence at a time" if report["latency"] else ""
    peak = report["peak_multiply_adds_per_second"]
    limits = ", ".join(f"{name} {peak[name] / 1e9:,.0f} GMAC/s" for name in ("int8", "float32"))
    print(f"model    {report['model']}")
    sources = (
        f"{counted(report['sentences'], 'sentence')}, "
        f"{counted(report['source_tokens'], 'token')} ({report['source']})"
    )
    print(f"work     {sources}, {lengths}beam {report['beam']}, {threads}{one_by_one}")
    print(
        f"machine  {report['cpu']}, {report['isa']}; load average before: {report['load_average_before']:.2f}"
    )
    print(f"peak     {limits}")
    for name, row in report["figures"].items():
        _print_row(name, row)


def _print_row(name: str, row: dict[str, Any]) -> None:
    def shown(key: str, digits: int) -> str:
        found = row[key]
        return f"{found['median']:,.{digits}f} ({found['low']:,.{digits}f} to {found['high']:,.{digits}f})"

    print(f"\n{name}")
    print(f"  tokens/s        {shown('tokens_per_second', 0)}")
    print(f"  ms a sentence   {shown('ms_per_sentence', 2)}")
    if row["p90_ms"] is not None:
        print(f"  ms, 9 of 10     {row['p90_ms']:,.2f} or less")
    print(f"  peak memory     {row['peak_memory_bytes'] / 2**20:,.0f} MiB")
    if row["share_of_peak"] is not None:
        rate = row["multiply_adds"] / row["seconds"]["median"] / 1e9
        print(f"  share of peak   {row['share_of_peak']:.1%} ({rate:,.1f} GMAC/s)")

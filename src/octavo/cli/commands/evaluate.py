"""``octavo evaluate``: quality and speed on a test set."""

import contextlib
import dataclasses
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import octavo
from octavo.cli.options import (
    BeamOption,
    JsonOption,
    LengthPenaltyOption,
    LengthRatioOption,
    MaxLengthOption,
    MinLengthOption,
    ModelOption,
    NoRepeatOption,
    PrecisionName,
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
from octavo.cli.terminal.json_output import print_json
from octavo.cli.terminal.lines import open_lines, with_places
from octavo.cli.terminal.output import open_output
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.errors import InputError, counted

if TYPE_CHECKING:
    from octavo.evaluation.speed import TimedTranslations
    from octavo.translation import SearchChanges, Translator

EngineName = Literal["octavo", "pytorch"]


def evaluate(
    source: Annotated[
        Path,
        typer.Option(
            "--source", metavar="FILE", help="FILE is the text that is translated, a sentence a line."
        ),
    ],
    reference: Annotated[
        Path, typer.Option("--reference", metavar="FILE", help="FILE is its translation, line for line.")
    ],
    model: ModelOption = None,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    precision: PrecisionOption = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            "--engine", help="The engine is Octavo's, or the PyTorch reference (float32) to compare with."
        ),
    ] = "octavo",
    threads: ThreadsOption = 0,
    whole_lines: WholeLinesOption = False,
    shortlist: ShortlistOption = True,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N lines are used.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The translations are written to FILE."),
    ] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Measure a model on a test set: BLEU, chrF, length and speed.

    BLEU and chrF are sacreBLEU's, printed with their signatures. Length ratio is the translations'
    words over the references'. Tokens per second counts target tokens with the end of sentence, from
    text to text, loading left out. Incomplete translations were cut at the length limit.

        octavo evaluate --source test.en --reference test.de
        octavo evaluate -m models/en-de --source test.en --reference test.de
        octavo evaluate --engine pytorch --source test.en --reference test.de
    """
    changes: SearchChanges = {
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
    }
    if engine == "pytorch" and precision not in (None, "float32"):
        raise typer.BadParameter("--engine pytorch computes in float32; leave --precision out")
    sources = _lines(source, limit)
    references = _lines(reference, limit)
    _check_parallel(source, sources, reference, references)
    with contextlib.ExitStack() as stack:
        hypotheses = stack.enter_context(open_output(output)) if output else None
        opening = {
            "sentence_by_sentence": not whole_lines,
            "source": source_language,
            "to": target_language,
        }
        translator = stack.enter_context(_translator(engine, model, precision, threads, shortlist, opening))
        timed = _translate(translator, list(with_places(translator, sources, str(source))), changes)
        texts = [translation.text for translation in timed.translations]
        if hypotheses:
            hypotheses.write(texts)
        report = _run_report(translator, engine, changes)
        report["shortlist"] = shortlist and engine == "octavo" and translator.model.shortlist_path is not None
    report |= _figures(timed, texts, references)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _lines(path: Path, limit: int | None) -> list[str]:
    with open_lines(path) as lines:
        return list(itertools.islice(lines, limit))


def _check_parallel(source: Path, sources: list[str], reference: Path, references: list[str]) -> None:
    if len(sources) != len(references):
        raise InputError(
            f"{source} has {counted(len(sources), 'line')} and {reference} {len(references)}: line i "
            "of the one must "
            "be the translation of line i of the other"
        )
    if not sources:
        raise InputError(f"{source}: has no lines")


def _translator(
    engine: EngineName,
    model: Path | None,
    precision: PrecisionName | None,
    threads: int,
    shortlist: bool,
    opening: dict[str, Any],
) -> "Translator":
    if engine == "octavo":
        return octavo.load(model, precision=precision, threads=threads, shortlist=shortlist, **opening)
    from octavo.artifact import ModelDirectory
    from octavo.evaluation.reference_engine import ReferenceEngine
    from octavo.translation import Translator, boxed_model

    directory = ModelDirectory.open(model or boxed_model())
    reference = ReferenceEngine(directory, threads=threads)
    return Translator(directory, reference, **opening)


def _translate(translator: "Translator", sources: list[str], changes: "SearchChanges") -> "TimedTranslations":
    from octavo.evaluation.speed import translate_timed

    with line_progress("Translating", len(sources), shown=is_terminal(sys.stderr)) as advance:
        return translate_timed(translator, sources, advance=lambda done: advance(done, done), **changes)


def _run_report(translator: "Translator", engine: EngineName, changes: "SearchChanges") -> dict[str, Any]:
    """What was run: enough to run it again."""
    from octavo.translation import retries, search_options

    model = translator.model
    return {
        "octavo": octavo.__version__,
        "model": model.name,
        "path": str(model.path),
        "scheme": str(model.scheme),
        "engine": engine,
        "precision": translator.precision,
        "threads": translator.threads,
        "search": search_options(model.search, changes).stated() | {"retry": retries(changes)},
    }


def _figures(timed: "TimedTranslations", texts: list[str], references: list[str]) -> dict[str, Any]:
    from octavo.evaluation.quality import measure_quality

    return {
        "lines": len(texts),
        **dataclasses.asdict(measure_quality(texts, references)),
        "incomplete": timed.incomplete,
        "split": sum(translation.pieces > 1 for translation in timed.translations),
        "target_tokens": timed.target_tokens,
        "seconds": timed.seconds,
        "tokens_per_second": timed.tokens_per_second,
    }


def _print(report: dict[str, Any]) -> None:
    search = report["search"]
    print(f"model         {report['model']} ({report['path']})")
    print(
        f"run           {report['engine']} {report['precision']}, beam {search['beam']}, "
        f"{counted(report['threads'], 'thread')}"
        f"{', with its shortlist' if report['shortlist'] else ''}"
    )
    print(f"BLEU          {report['bleu']:.2f}  {report['bleu_signature']}")
    print(f"chrF          {report['chrf']:.2f}  {report['chrf_signature']}")
    print(f"length ratio  {report['length_ratio']:.3f}")
    print(
        f"lines         {report['lines']:,}, {report['incomplete']} incomplete, {report['split']} in pieces"
    )
    print(
        f"speed         {report['tokens_per_second']:,.0f} tokens/s: {report['target_tokens']:,} tokens in "
        f"{report['seconds']:.2f} s"
    )

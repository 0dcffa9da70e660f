"""``octavo perplexity``: how well a language model predicts a text."""

import contextlib
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import octavo
from octavo.cli.options import JsonOption, PrecisionName, PrecisionOption, ThreadsOption, named_model
from octavo.cli.terminal.json_output import print_json
from octavo.cli.terminal.lines import open_lines
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.errors import InputError, counted
from octavo.model.limits import MAX_POSITIONS

if TYPE_CHECKING:
    from octavo.artifact import ModelDirectory
    from octavo.evaluation.perplexity import ScoringEngine

ScoringEngineName = Literal["octavo", "pytorch"]


def perplexity(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is the directory of a language model, or the name of an installed one.",
            parser=named_model,
        ),
    ],
    text: Annotated[
        Path, typer.Argument(metavar="TEXT", help="TEXT is the file that is predicted, in UTF-8.")
    ],
    context: Annotated[
        int | None,
        typer.Option(
            "--context",
            metavar="N",
            min=1,
            max=MAX_POSITIONS,
            help=(
                "The model sees at most N tokens. The default is the length of a block in its training, or "
                "all its positions."
            ),
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride",
            metavar="N",
            min=1,
            max=MAX_POSITIONS,
            help="Each window scores N tokens. A smaller N gives each of them more context and takes longer. "
            "The default is half the context.",
        ),
    ] = None,
    engine: Annotated[
        ScoringEngineName,
        typer.Option(
            "--engine", help="The engine is Octavo's, or the PyTorch reference (float32) to compare with."
        ),
    ] = "octavo",
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure a language model on a text: perplexity per token and per word, bits per character.

    The text is one stream: each line's tokens and the end of the line, and context goes over line ends. A
    window slides over it; every token is scored once, given what its window holds before it. Words are what
    white space separates, and one a line for its end, as WikiText counts them.

        octavo perplexity runs/wikitext2-small/model wikitext2.test.txt
        octavo perplexity my-model test.txt --context 256 --stride 1 --json
        octavo perplexity --engine pytorch my-model test.txt
    """
    if engine == "pytorch" and precision not in (None, "float32"):
        raise typer.BadParameter("--engine pytorch computes in float32; leave --precision out")
    from octavo.artifact import ModelDirectory
    from octavo.evaluation.perplexity import trained_context

    directory = ModelDirectory.open(model)
    if not directory.config.is_language_model:
        raise InputError(
            f"{model}: is a translation model, and perplexity is of language models; "
            "`octavo evaluate` measures a translation model"
        )
    scoring = _scoring_engine(engine, directory, precision, threads)
    context = context or trained_context(directory)
    report = {
        "octavo": octavo.__version__,
        "model": directory.name,
        "path": str(directory.path),
        "text": str(text),
        "engine": engine,
        **_measure(directory, scoring, _lines(text), context, stride or max(1, context // 2)),
    }
    if as_json:
        print_json(report)
    else:
        _print(report)


def _scoring_engine(
    engine: ScoringEngineName, directory: "ModelDirectory", precision: PrecisionName | None, threads: int
) -> "ScoringEngine":
    if engine == "pytorch":
        from octavo.evaluation.perplexity import ReferenceScoringEngine

        return ReferenceScoringEngine(directory, threads=threads)
    from octavo.engine import Engine, default_precision

    return Engine(directory, precision=precision or default_precision(directory), threads=threads)


def _measure(
    directory: "ModelDirectory", scoring: "ScoringEngine", lines: list[str], context: int, stride: int
) -> dict[str, Any]:
    from octavo.engine import Engine
    from octavo.evaluation.perplexity import BATCH_TOKENS, ENGINE_BATCH_TOKENS, measure_perplexity
    from octavo.text.stream import TokenStream

    tokenizer, _ = directory.tokenizers()
    stream = TokenStream.encode(lines, tokenizer, directory.config.eos_id)
    with contextlib.closing(scoring):
        start = time.perf_counter()
        with line_progress("Scoring", len(stream.tokens), shown=is_terminal(sys.stderr)) as advance:
            found = measure_perplexity(
                scoring,
                directory.config,
                stream,
                context=context,
                stride=stride,
                batch_tokens=ENGINE_BATCH_TOKENS if isinstance(scoring, Engine) else BATCH_TOKENS,
                advance=lambda done: advance(done, done * len(lines) // len(stream.tokens)),
            )
        seconds = time.perf_counter() - start
    return {
        "precision": scoring.precision,
        "threads": scoring.threads,
        "context": context,
        "stride": stride,
        "lines": len(lines),
        "tokens": found.tokens,
        "words": found.words,
        "characters": found.characters,
        "log_likelihood": found.log_likelihood,
        "perplexity_per_token": _finite(found.per_token),
        "perplexity_per_word": _finite(found.per_word),
        "bits_per_character": found.bits_per_character,
        "seconds": seconds,
        "tokens_per_second": found.tokens / seconds if seconds else 0.0,
    }


def _finite(perplexity: float) -> float | None:
    """None beyond what a float holds: such a perplexity per word has a text without white space."""
    return perplexity if math.isfinite(perplexity) else None


def _lines(path: Path) -> list[str]:
    with open_lines(path) as lines:
        found = list(lines)
    if not found:
        raise InputError(f"{path}: has no lines")
    return found


def _print(report: dict[str, Any]) -> None:
    print(f"model           {report['model']} ({report['path']})")
    print(
        f"run             {report['engine']} {report['precision']}, context {report['context']}, stride "
        f"{report['stride']}, {counted(report['threads'], 'thread')}"
    )
    print(
        f"text            {counted(report['lines'], 'line')}, {counted(report['tokens'], 'token')}, "
        f"{counted(report['words'], 'word')}, "
        f"{counted(report['characters'], 'character')}"
    )
    print(f"log-likelihood  {report['log_likelihood']:,.2f} nats")
    for title, unit in (("perplexity", "token"), ("", "word")):
        value = report[f"perplexity_per_{unit}"]
        print(f"{title:<16}{'beyond 1e304' if value is None else f'{value:.3f}'} per {unit}")
    print(f"bits            {report['bits_per_character']:.4f} per character")
    print(f"speed           {report['tokens_per_second']:,.0f} tokens/s in {report['seconds']:.2f} s")

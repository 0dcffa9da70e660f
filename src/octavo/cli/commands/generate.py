"""``octavo generate``: prompts in, the text that follows out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import octavo
from octavo.cli.options import PrecisionOption, ThreadsOption, named_model
from octavo.cli.terminal.failures import note
from octavo.cli.terminal.lines import LineInput, lines_of_texts, open_lines
from octavo.cli.terminal.output import LineOutput, open_output
from octavo.cli.terminal.progress import is_terminal, line_progress
from octavo.model.limits import MAX_POSITIONS, MAX_VOCABULARY
from octavo.text.blocks import blocks

if TYPE_CHECKING:
    from octavo.generation import Continuation, GenerationChanges, LanguageModel

_MOST_SAMPLES: Final = 64
_LEAST_TOP_P: Final = 1e-6
_LOOK_AHEAD: Final = 1024


def generate(
    model: Annotated[
        Path,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="MODEL is the directory of a language model, or the name of an installed one.",
            parser=named_model,
        ),
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="PROMPT is continued; each has a line of output."),
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", metavar="FILE", help="Each line of FILE is continued.")
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The output goes to FILE, which appears when it is whole."
        ),
    ] = None,
    max_tokens: Annotated[
        int,
        typer.Option(
            "--max-tokens",
            metavar="N",
            min=1,
            max=MAX_POSITIONS,
            help="At most N tokens are added to a prompt.",
        ),
    ] = 100,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            metavar="X",
            min=0.0,
            max=100.0,
            help="0 takes the most likely token each time, 1 draws as the model says; less is surer, more is "
            "wilder. The default is 1 where --top-k, --top-p, --seed or --samples is given, else 0.",
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            metavar="N",
            min=1,
            max=MAX_VOCABULARY,
            help="A token is drawn from the N most likely ones alone.",
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            "--top-p",
            metavar="X",
            min=_LEAST_TOP_P,
            max=1.0,
            help="A token is drawn from the fewest most likely ones that have this share of the probability.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="Another N draws another text; one N always draws the same. The default is 0.",
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            "--samples", "-n", metavar="N", min=1, max=_MOST_SAMPLES, help="Each prompt has N continuations."
        ),
    ] = 1,
    without_prompt: Annotated[
        bool, typer.Option("--without-prompt", help="Only what follows is printed, not the prompt before it.")
    ] = False,
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
) -> None:
    """Continue text with a language model.

    The command reads PROMPT, the lines of a file, or standard input, and writes a line for each, in
    order: the prompt and what follows it. A blank line begins a text. What follows ends where the model
    ends the line, after --max-tokens, or where its positions end. On a terminal one prompt is
    continued word by word.

        octavo generate -m my-model "The castle was built"
        octavo generate -m my-model --top-p 0.9 --seed 7 "The castle was built"
        octavo generate -m my-model --temperature 0.7 --top-k 40 -i prompts.txt -o texts.txt
        octavo generate -m my-model --samples 3 "The castle was built"

    With --samples a line is LINE, SAMPLE, text, with TABs between, counted from 1. What is drawn depends on
    the seed and the numbers of the line, the sample and the token: not on threads, batches or the CPU.
    """
    if prompt and input_file is not None:
        raise typer.BadParameter("give PROMPT or --input FILE, not both")
    changes: GenerationChanges = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        "samples": samples,
    }
    source = nullcontext(lines_of_texts(prompt)) if prompt else open_lines(input_file)
    with (
        open_output(output_file) as output,
        source as lines,
        octavo.load_language_model(model, precision=precision, threads=threads) as language_model,
    ):
        watched = output.is_standard and is_terminal(sys.stdout)
        if watched and prompt and len(prompt) == 1 and samples == 1 and "\n" not in prompt[0]:
            _write_as_it_comes(language_model, prompt[0], changes, without_prompt)
        else:
            _continue_lines(language_model, lines, output, changes, without_prompt, watched=watched)


def _write_as_it_comes(
    model: LanguageModel, prompt: str, changes: GenerationChanges, without_prompt: bool
) -> None:
    shown = "" if without_prompt else prompt
    sys.stdout.write(shown)
    begun = bool(shown) and not shown[-1].isspace()
    for piece in model.stream(prompt, **changes):
        text = piece if begun else piece.lstrip()
        begun = begun or bool(text)
        sys.stdout.write(text)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _continue_lines(
    model: LanguageModel,
    lines: LineInput,
    output: LineOutput,
    changes: GenerationChanges,
    without_prompt: bool,
    *,
    watched: bool,
) -> None:
    if lines.interactive and is_terminal(sys.stderr):
        note("type the beginning of a text and press Enter; Ctrl-D ends")
    shown = is_terminal(sys.stderr) and not lines.interactive and not watched
    cut = done = 0
    with line_progress("Generating", lines.total_bytes, shown=shown) as advance:
        for block in blocks(lines, _LOOK_AHEAD, lines.waits):
            changes["first_prompt"] = output.lines
            found = model.generate(block, **changes)
            rows = [
                row
                for number, samples in enumerate(found, output.lines + 1)
                for row in _rows(number, samples, without_prompt)
            ]
            output.write(rows, len(block))
            cut += sum(not sample.complete for samples in found for sample in samples)
            done += sum(len(line.encode()) + 1 for line in block)
            advance(done, output.lines)
    if cut:
        note(
            f"{cut} of {output.lines * changes['samples']} texts were cut, at --max-tokens or where the "
            "model's positions end"
        )


def _rows(number: int, samples: list[Continuation], without_prompt: bool) -> Iterator[str]:
    for rank, sample in enumerate(samples, 1):
        text = sample.added.lstrip() if without_prompt else sample.text
        yield f"{number}\t{rank}\t{text}" if len(samples) > 1 else text

"""``octavo shortlist``: a model directory in, the same with a shortlist out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octavo.cli.options import (
    DevOption,
    SourceLanguageOption,
    TargetLanguageOption,
    ThreadsOption,
    named_model,
)
from octavo.cli.terminal.failures import note
from octavo.cli.terminal.lines import open_lines
from octavo.errors import counted
from octavo.model.limits import MAX_VOCABULARY

if TYPE_CHECKING:
    from octavo.calibration.measure.dev_text import DevText
    from octavo.shortlist.make import MadeShortlist
    from octavo.shortlist.text import LineText


def shortlist(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is a model directory or an installed model, float or int8.",
            parser=named_model,
        ),
    ],
    source: Annotated[
        Path,
        typer.Option(
            "--source",
            metavar="FILE",
            help=(
                "FILE is a text in the source language, like the text to be translated. The more of it there "
                "is, the better."
            ),
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="The model with its shortlist is written to DIR."),
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            "--target",
            metavar="FILE",
            help="FILE is the translation of the text, line for line. Without it the model translates, "
            "which is better, since a shortlist must hold what the model would say.",
        ),
    ] = None,
    common: Annotated[
        int | None,
        typer.Option(
            "--common",
            metavar="N",
            min=1,
            max=MAX_VOCABULARY,
            help="Every sentence may use the N most frequent target tokens. The default is 1000.",
        ),
    ] = None,
    per_token: Annotated[
        int | None,
        typer.Option(
            "--per-token",
            metavar="N",
            min=0,
            max=MAX_VOCABULARY,
            help="Each source token brings N other target tokens. The default is 50.",
        ),
    ] = None,
    dev: DevOption = None,
    source_language: SourceLanguageOption = None,
    target_language: TargetLanguageOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="An existing output is replaced.")] = False,
    threads: ThreadsOption = 0,
) -> None:
    """Give a model a shortlist, so that it chooses each word from some hundred tokens, not from all.

    The output layer then costs little: that pays for models with large vocabularies. FILE is translated by
    the model, the decoder's attention says which source token each target token comes from, and what
    came often is kept. A sentence's candidates follow from its own tokens alone, never from its batch.

    With --dev, BLEU is measured with the shortlist and without. A run that is stopped goes on where it was
    when it is started again. Weights, int8 or not, stay as they are; `octavo translate --no-shortlist` leaves
    the shortlist out. A shortlist of a model of several languages is for one pair, --from and --to, which
    becomes the model's default.

        octavo shortlist my-int8 --source train.en -o my-fast
        octavo shortlist my-int8 --source train.en --dev dev.en dev.de -o my-fast
        octavo shortlist my-int8 --source train.en --target train.de --common 500 --per-token 30 -o my-fast
    """
    from octavo.cli.terminal.stages import resumable_stages
    from octavo.shortlist.make import (
        DEFAULT_COMMON,
        DEFAULT_PER_TOKEN,
        Request,
        make_shortlist,
    )

    request = Request(
        source=_text(source),
        target=_text(target) if target else None,
        common=DEFAULT_COMMON if common is None else common,
        per_token=DEFAULT_PER_TOKEN if per_token is None else per_token,
        dev=_dev(dev) if dev else None,
        direction=(source_language, target_language),
    )
    with resumable_stages(output, "shortlist") as stages:
        made = make_shortlist(model, output, request, overwrite=overwrite, threads=threads, progress=stages)
    _print(made)
    print(f"Wrote {output}")


def _text(path: Path) -> LineText:
    from octavo.shortlist.text import LineText

    def lines() -> Iterator[str]:
        with open_lines(path) as found:
            yield from found

    with open_lines(path):  # find out now that it cannot be read
        return LineText(str(path), lines)


def _dev(files: tuple[Path, Path]) -> DevText:
    from octavo.calibration.measure.dev_text import DevText

    source, reference = (_text(path) for path in files)
    return DevText(source.name, reference.name, tuple(source.lines()), tuple(reference.lines()))


def _print(made: MadeShortlist) -> None:
    missed = made.layer.missed[made.layer.layer]
    rows = {
        "text": counted(made.sentences, "sentence"),
        "aligned by": f"decoder layer {made.layer.layer} (short lists miss {missed:.1%} of other sentences)",
        "lists": f"{len(made.shortlist.common):,} common tokens, {len(made.shortlist.tokens):,} others",
        "candidates": f"{made.candidates:,.0f} a sentence, of {made.vocabulary:,} tokens",
    }
    if loss := made.loss:
        without, found = loss.tokens_per_second
        rows["BLEU"] = (
            f"{loss.bleu_without:.2f} to {loss.bleu_with:.2f} on {counted(loss.lines, 'line')} (95 % "
            "interval of the "
            f"change {loss.low:+.2f} to {loss.high:+.2f}, p = {loss.p_value:.3f})"
        )
        rows["changed"] = f"{loss.changed_share:.1%} of the translations"
        rows["speed"] = f"{without:,.0f} to {found:,.0f} tokens/s, one run each"
    width = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:<{width}}  {value}")
    if made.loss and made.loss.lost > _NOTED_LOSS:
        note("that is a loss to notice; more text, or a larger --common or --per-token, makes it smaller")


_NOTED_LOSS = 0.1

"""A model directory in, the same with alignment heads out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

import octavo
from octavo.alignment.choose import FEWEST_SENTENCES, MOST_TOKENS, HeadChoice, choose_heads
from octavo.alignment.links import Ids
from octavo.artifact import ModelDirectory
from octavo.artifact.writing import check_output, write_with_alignment
from octavo.engine import Engine, SearchOptions
from octavo.engine.precision import default_precision
from octavo.engine.target_prefixes import target_prefixes
from octavo.errors import OctavoError
from octavo.runs.progress import Progress, Silent

SENTENCES: Final = 600
"""Enough: a hundred choose the same heads of the models measured (docs/numerics.md, "Alignments")."""

_SENTENCES_AT_ONCE: Final = 32


class AlignmentError(OctavoError):
    """No heads can be chosen by this text."""


def align_model(
    source: Path,
    output: Path,
    lines: Iterable[str],
    name: str,
    *,
    direction: tuple[str | None, str | None] = (None, None),
    overwrite: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> HeadChoice:
    """Write the model directory ``source`` to ``output`` with the heads that align best, by its own
    translations of the first ``SENTENCES`` sentences of ``lines``; ``name`` is the text's in messages.
    ``direction``: from which language to which; None: the model's default.

    Raises ModelError for a bad model, AlignmentError where there is too little text, OutputError for a bad
    output path; nothing is written then.
    """
    check_output(source, output, overwrite=overwrite)
    progress = progress or Silent()
    model = ModelDirectory.open(source)
    model.check_translates("`octavo align`")
    model = model.between(*direction)
    sources = list(_sentences(model, lines))
    engine = Engine(model, precision=default_precision(model), threads=threads)
    try:
        progress.stage("Translating the text", len(sources))
        targets: list[Ids] = []
        for start in range(0, len(sources), _SENTENCES_AT_ONCE):
            batch = sources[start : start + _SENTENCES_AT_ONCE]
            prefixes = target_prefixes(model.direction(), len(batch))
            found = engine.translate(batch, SearchOptions(beam=1), target_prefixes=prefixes)
            targets += [nbest[0].tokens[: model.config.max_positions - 1] for nbest in found]
            progress.advance(len(batch))
        progress.stage("Choosing the heads that align", None)
        choice = choose_heads(engine, sources, targets)
    finally:
        engine.close()
    if choice is None:
        raise AlignmentError(
            f"{name}: holds too little text to choose heads by; give at least {FEWEST_SENTENCES} sentences "
            "like those to be translated, and better some hundred"
        )
    recorded = {"octavo": octavo.__version__, "source": Path(name).name, **choice.to_dict()}
    quality = {**model.quality, "alignment": recorded}
    write_with_alignment(output, model, choice.heads, quality=quality, overwrite=overwrite)
    return choice


def _sentences(model: ModelDirectory, lines: Iterable[str]) -> Iterator[Ids]:
    """The first sentences that are neither copied nor cut nor long."""
    segmenter, left = model.segmenter(), SENTENCES
    for line in lines:
        for segment in segmenter.segments(line).segments:
            if segment.copied or segment.piece or not 0 < len(segment.ids) <= MOST_TOKENS:
                continue
            yield np.array(segment.ids, np.int32)
            left -= 1
            if not left:
                return

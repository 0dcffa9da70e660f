"""A model directory in, the same with a shortlist out, and what the shortlist costs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import octavo
from octavo.artifact import ModelDirectory, Shortlist, write_with_shortlist
from octavo.artifact.writing import check_output
from octavo.calibration.measure.dev_text import DevText
from octavo.errors import counted
from octavo.languages import Languages
from octavo.runs.finished_steps import FinishedSteps, steps_folder
from octavo.runs.progress import Progress, Silent
from octavo.shortlist.align import ATTENDED
from octavo.shortlist.counting import Counting, Engines
from octavo.shortlist.errors import ShortlistError
from octavo.shortlist.judge import Loss, measure_loss
from octavo.shortlist.layer import SENTENCES, LayerChoice, choose_layer
from octavo.shortlist.text import LineText, Pair, checksum, pairs
from octavo.translation.options import search_options

DEFAULT_COMMON: Final = 1000
DEFAULT_PER_TOKEN: Final = 50
FEWEST_SENTENCES: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What to build from: a source text and, line for line, its translation, or None to translate it; how
    many tokens are common, and how many each source token has of its own; what to measure the loss on."""

    source: LineText
    target: LineText | None = None
    common: int = DEFAULT_COMMON
    per_token: int = DEFAULT_PER_TOKEN
    dev: DevText | None = None
    direction: tuple[str | None, str | None] = (None, None)
    """From which language to which; None: the model's default."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MadeShortlist:
    """What was written. ``sentences``: those counted. ``candidates``: the mean number a sentence has, over
    the dev set or, without one, the first sentences of the text."""

    shortlist: Shortlist
    sentences: int
    layer: LayerChoice
    candidates: float
    vocabulary: int
    loss: Loss | None

    def to_dict(self, request: Request) -> dict[str, Any]:
        """What quality.json records."""
        return {
            "octavo": octavo.__version__,
            "source": Path(request.source.name).name,
            "target": "the model's own translations"
            if not request.target
            else Path(request.target.name).name,
            "sentences": self.sentences,
            "layer": self.layer.layer,
            "common": len(self.shortlist.common),
            "per_token": request.per_token,
            "candidates_per_sentence": round(self.candidates, 1),
            "vocabulary": self.vocabulary,
            "dev": self.loss.to_dict() if self.loss else None,
        }


def make_shortlist(
    source: Path,
    output: Path,
    request: Request,
    *,
    overwrite: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> MadeShortlist:
    """Write the model directory ``source`` with a shortlist to ``output``.

    Counts are kept beside ``output`` until it is written, so that the same call goes on where a stopped one
    was. Raises ModelError for a bad model, ShortlistError for one of integers and for text that nothing can
    be counted in, OutputError for a bad output path; nothing is written then.
    """
    check_output(source, output, overwrite=overwrite)
    progress = progress or Silent()
    model = ModelDirectory.open(source)
    model.check_translates("`octavo shortlist`")
    model = model.between(*request.direction)
    if model.integer_scales is not None:  # attention is observed in float32
        raise ShortlistError(
            f"{model.path}: holds integers only; build the shortlist from the model it was quantized from"
        )
    folder = steps_folder(output, "shortlist")
    config = (model.path / "config.json").read_text(encoding="utf-8")
    direction = dataclasses.asdict(model.direction())
    state = FinishedSteps(folder, {"octavo": octavo.__version__, "model": config, "direction": direction})
    with state.held():
        counting, layer, first = _counted(model, request, folder, state, threads, progress)
        shortlist = counting.counts.shortlist(request.common, request.per_token)
        loss = measure_loss(model, shortlist, request.dev, threads, progress) if request.dev else None
        sample = _tokens(model, request.dev.sources) if request.dev else first
        made = MadeShortlist(
            shortlist,
            counting.sentences,
            layer,
            len(shortlist.common) + sum(len(shortlist.own(ids)) for ids in sample) / len(sample),
            model.config.target_vocab_size,
            loss,
        )
        quality = {**model.quality, "shortlist": made.to_dict(request)}
        languages = model.languages and model.languages.by_default(*_told(model.languages, request.direction))
        write_with_shortlist(
            output, model, shortlist, quality=quality, languages=languages, overwrite=overwrite
        )
        state.forget()
    return made


def _told(languages: Languages, direction: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    """What of a direction the model is told."""
    source, target = direction
    return source if languages.needs_source else None, target if languages.needs_target else None


def _counted(
    model: ModelDirectory,
    request: Request,
    folder: Path,
    steps: FinishedSteps,
    threads: int,
    progress: Progress,
) -> tuple[Counting, LayerChoice, list[Any]]:
    """The counts of the whole text, the layer they come from, and the first sources of the text."""

    def text() -> Any:
        return pairs(model, request.source, request.target)

    first: list[Pair] = list(itertools.islice(text(), SENTENCES))
    if len(first) < FEWEST_SENTENCES:
        raise ShortlistError(
            f"{request.source.name}: {counted(len(first), 'sentence')} of a length that fits the "
            "model; a shortlist needs at least "
            f"{FEWEST_SENTENCES}, and is good with tens of thousands"
        )
    progress.stage("Reading the text", None)
    sentences = sum(1 for _ in text())
    engines = Engines.open(model, search_options(model.search, {}), threads)
    try:
        layer = LayerChoice.from_dict(
            steps.value(
                "layer",
                {"text": checksum(first)},
                lambda: dataclasses.asdict(choose_layer(model, engines, first, progress)),
            )
        )
        identity = {
            "octavo": octavo.__version__,
            "model": (model.path / "config.json").read_text(encoding="utf-8"),
            "direction": dataclasses.asdict(model.direction()),
            "layer": layer.layer,
            "attended": float(ATTENDED),
        }
        counting = Counting(model, folder, identity)
        progress.stage("Translating and aligning" if request.target is None else "Aligning", sentences)
        counting.run(engines, layer.layer, text, progress)
    finally:
        engines.close()
    return counting, layer, [pair.source for pair in first]


def _tokens(model: ModelDirectory, lines: Sequence[str]) -> list[Any]:
    segmenter = model.segmenter()
    return [np.array(segmenter.whole(line), np.int32) for line in lines]

"""Sentence pairs to count in: sentences of a source text, with their given translations if there are any."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.engine.hypothesis import TokenIds
from octavo.runs.finished_steps import digest
from octavo.shortlist.errors import ShortlistError


@dataclasses.dataclass(frozen=True, slots=True)
class LineText:
    """A text that can be read again and again, a line at a time. ``name`` is for messages."""

    name: str
    lines: Callable[[], Iterable[str]]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Ids, without EOS, of a source and of its translation: None where the model has to make it."""

    source: TokenIds
    target: TokenIds | None


def pairs(model: ModelDirectory, source: LineText, target: LineText | None) -> Iterator[Pair]:
    """Pairs of tokens in the order of the text. Without ``target`` lines are cut into sentences as a
    Translator does. What is blank, or too long for the model on either side, is left out.

    Raises ShortlistError where the texts are not parallel.
    """
    if target is None:
        segmenter = model.segmenter()
        for line in source.lines():
            for segment in segmenter.segments(line).segments:
                if not (segment.copied or segment.piece):
                    yield Pair(np.array(segment.ids, np.int32), None)
        return
    direction = model.direction()
    source_tokenizer, target_tokenizer = model.tokenizers()
    longest = model.config.max_positions - 1
    for line, translation in _parallel(source, target):
        own, said = source_tokenizer.encode(line), target_tokenizer.encode(translation)
        ids = [*direction.source_prefix, *own, *direction.source_suffix]
        target_ids = [*direction.target_prefix, *said]
        if own and said and len(ids) <= longest and len(target_ids) <= longest:
            yield Pair(np.array(ids, np.int32), np.array(target_ids, np.int32))


def checksum(chosen: Sequence[Pair]) -> str:
    """SHA-256, in hex, of the tokens of the pairs."""
    return digest([[None if ids is None else ids.tolist() for ids in (p.source, p.target)] for p in chosen])


def _parallel(source: LineText, target: LineText) -> Iterator[tuple[str, str]]:
    for line, translation in itertools.zip_longest(source.lines(), target.lines()):
        if line is None or translation is None:
            shorter, longer = (source, target) if line is None else (target, source)
            raise ShortlistError(
                f"{shorter.name} has fewer lines than {longer.name}: line i of the one must be the "
                "translation of line i of the other"
            )
        yield line, translation

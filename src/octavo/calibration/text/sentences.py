"""Calibration text: which sentences are taken, and whether the model knows their characters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.engine.hypothesis import TokenIds
from octavo.errors import counted
from octavo.text import Segmenter, Tokenizer

FEWEST_SENTENCES: Final = 16
DEFAULT_SENTENCES: Final = 600
"""Bhandare et al. (2019) calibrated on this number of sentences."""

_FEWEST_HELD_OUT: Final = 8
_HELD_OUT_PART: Final = 5
_UNKNOWN_IS_CERTAIN: Final = 0.5
_UNKNOWN_IS_SUSPECT: Final = 0.1

_Item = TypeVar("_Item")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CalibrationText:
    """Source ids, without EOS, of the sentences that ranges come from, and of those held out to compare
    choices by. ``unknown_share``: the part of their characters that the vocabulary does not know."""

    name: str
    observed: tuple[TokenIds, ...]
    held_out: tuple[TokenIds, ...]
    unknown_share: float

    def suspicion(self) -> str | None:
        """A sentence that says what looks wrong about the text; None where nothing does."""
        if self.unknown_share <= _UNKNOWN_IS_SUSPECT:
            return None
        return (
            f"{self.name}: the model does not know {self.unknown_share:.0%} of its characters; is it text in "
            "the language that the model translates from?"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence: its text; and what the model reads, without EOS: the language code, if any, and its ids."""

    text: str
    code: tuple[int, ...]
    ids: tuple[int, ...]

    def source(self) -> TokenIds:
        return np.array(self.code + self.ids, np.int32)


def calibration_text(
    lines: Sequence[str], model: ModelDirectory, name: str, most: int = DEFAULT_SENTENCES
) -> CalibrationText:
    """At most ``most`` sentences spread evenly over ``lines``, repeated and blank ones left out.

    Lines are cut into sentences as a Translator does; one that it would cut further is left out. Every
    fifth is held out (at least eight). Raises CalibrationError, naming the text, where too few are left or
    most characters are unknown.
    """
    if most < FEWEST_SENTENCES:
        raise CalibrationError(f"{counted(most, 'sentence')}: calibration needs at least {FEWEST_SENTENCES}")
    segmenter = model.segmenter()
    sentences = _sentences(lines, segmenter)
    if len(sentences) < FEWEST_SENTENCES:
        raise CalibrationError(_too_few(name, lines, len(sentences)))
    chosen = spread(sentences, most)
    unknown = _unknown_share(chosen, segmenter.tokenizer, model.config.unk_id)
    if unknown > _UNKNOWN_IS_CERTAIN:
        raise CalibrationError(
            f"{name}: the model does not know {unknown:.0%} of its characters, so this is no text in the "
            f"language that it translates from ({segmenter.language}); calibrate on text like that to be "
            "translated"
        )
    held_out = max(_FEWEST_HELD_OUT, len(chosen) // _HELD_OUT_PART)
    taken = {int((i + 0.5) * len(chosen) / held_out) for i in range(held_out)}
    return CalibrationText(
        name,
        tuple(sentence.source() for i, sentence in enumerate(chosen) if i not in taken),
        tuple(sentence.source() for i, sentence in enumerate(chosen) if i in taken),
        unknown,
    )


def spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most ``most`` of the items, evenly spread, in order."""
    if len(items) <= most:
        return list(items)
    return [items[int((i + 0.5) * len(items) / most)] for i in range(most)]


def _sentences(lines: Sequence[str], segmenter: Segmenter) -> list[_Sentence]:
    """The different sentences of the lines, in order, each with the language code in front of its line."""
    texts = (segmenter.segments(line) for line in lines)
    found = (
        _Sentence(text.text[segment.start : segment.end], text.prefix, segment.ids[len(text.prefix) :])
        for text in texts
        for segment in text.segments
        if not (segment.copied or segment.piece)
    )
    return list(dict.fromkeys(found))


def _unknown_share(sentences: Sequence[_Sentence], tokenizer: Tokenizer, unknown_id: int) -> float:
    """The share of characters, without spaces, that are lost when the sentences are encoded."""
    written = known = 0
    for sentence in sentences:
        written += _characters(sentence.text)
        known += _characters(tokenizer.decode([token for token in sentence.ids if token != unknown_id]))
    return max(0.0, 1 - known / written) if written else 0.0


def _characters(text: str) -> int:
    return sum(not character.isspace() for character in text)


def _too_few(name: str, lines: Sequence[str], count: int) -> str:
    if not any(line.strip() for line in lines):
        return f"{name}: holds no text; calibration needs sentences like those to be translated"
    number = "only 1 sentence fits" if count == 1 else f"only {count} different sentences fit"
    return (
        f"{name}: {number} the model; calibration needs at least {FEWEST_SENTENCES}, and is good with "
        f"{DEFAULT_SENTENCES}"
    )

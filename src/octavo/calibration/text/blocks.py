"""Calibration text of a language model: blocks of the text itself, as it is read in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.calibration.errors import CalibrationError
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import FEWEST_SENTENCES, spread
from octavo.engine.hypothesis import TokenIds
from octavo.errors import counted
from octavo.evaluation.perplexity import trained_context
from octavo.text.stream import TokenStream

SENTENCE_TOKENS: Final = 32
"""The number of sentences asked for is taken as this many tokens for each."""

_HELD_OUT_EVERY: Final = 5


def language_text(lines: Sequence[str], model: ModelDirectory, name: str, most: int) -> tuple[Pairs, Pairs]:
    """Blocks of the context that the model was trained with, evenly spread over the text, at most ``most``
    sentences of them: those that ranges come from, and every fifth, held out. Sources are empty.

    Raises CalibrationError, naming the text, for too little of it.
    """
    if most < FEWEST_SENTENCES:
        raise CalibrationError(f"{counted(most, 'sentence')}: calibration needs at least {FEWEST_SENTENCES}")
    tokens = TokenStream.encode(lines, model.tokenizers()[0], model.config.eos_id).tokens
    length = max(1, min(trained_context(model) - 1, len(tokens) // FEWEST_SENTENCES))
    blocks = [tokens[start : start + length] for start in range(0, len(tokens) - length + 1, length)]
    if len(blocks) < FEWEST_SENTENCES:
        raise CalibrationError(
            f"{name}: has {counted(len(tokens), 'token')}; calibration needs at least "
            f"{FEWEST_SENTENCES}, and "
            "works well with tens of thousands"
        )
    chosen = spread(blocks, max(FEWEST_SENTENCES, most * SENTENCE_TOKENS // length))
    held_out = [block for i, block in enumerate(chosen) if i % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1]
    observed = [block for i, block in enumerate(chosen) if i % _HELD_OUT_EVERY != _HELD_OUT_EVERY - 1]
    return _pairs(observed), _pairs(held_out)


def _pairs(blocks: Sequence[TokenIds]) -> Pairs:
    nothing = np.empty(0, np.int32)
    return Pairs((nothing,) * len(blocks), tuple(blocks))

"""What is likely to be wrong with a translation, as far as the tokens alone show it."""

from __future__ import annotations

import collections
import enum
from collections.abc import Sequence
from typing import Final

_RUN_TOKENS: Final = 4
_LOOP_RUNS: Final = 3


class TranslationWarning(enum.StrEnum):
    """A reason to look at a translation. Each member is a string: the sentence that a person reads.

    These are all that there are. ``EMPTY``: a sentence with text in it has no text in its translation.
    ``REPETITION``: the best translation of a sentence has some four tokens in a row three times, and the
    sentence has no four tokens three times. ``UNKNOWN_CHARACTERS``: the vocabulary has no tokens for some
    characters of the source, so the model has not seen them.
    """

    EMPTY = "The translation, or a sentence of it, is empty although the source is not."
    REPETITION = "The translation repeats some words again and again, and the source does not."
    UNKNOWN_CHARACTERS = "The source has characters that the model's vocabulary cannot read."


def repeats(tokens: Sequence[int]) -> bool:
    """Whether any run of four tokens occurs at least three times; overlaps count."""
    runs = list(zip(*(tokens[start:] for start in range(_RUN_TOKENS)), strict=False))
    if len(set(runs)) > len(runs) - _LOOP_RUNS + 1:  # too few are alike
        return False
    return max(collections.Counter(runs).values()) >= _LOOP_RUNS

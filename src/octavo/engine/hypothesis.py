"""What a search finds."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

TokenIds: TypeAlias = npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True, slots=True)
class Hypothesis:
    """A translation: its target ids, int32 [length] without EOS, and its score.

    ``complete`` is False where the translation was cut at the longest length that the options allow.
    ``attention``, where alignments were asked for: uint16 [length, source + 1], how much each target token
    was made from each source position, EOS with them, by the alignment heads together. docs/numerics.md,
    "Alignments".
    """

    tokens: TokenIds
    score: float
    complete: bool
    attention: npt.NDArray[np.uint16] | None = None

    @property
    def alignment(self) -> npt.NDArray[np.int32] | None:
        """int32 [length], the source position that each target token was made from most: the first of
        several, and len(source) for EOS. None without ``attention``."""
        return None if self.attention is None else self.attention.argmax(axis=1).astype(np.int32)


def hypotheses(request: Any, sentence: int) -> list[Hypothesis]:
    """Those of a sentence of a native request that has ended, which can be had once. Raises why there are
    none."""
    return [Hypothesis(*found) for found in request.take(sentence)]

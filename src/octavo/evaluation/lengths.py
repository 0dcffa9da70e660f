"""Whether translations end by themselves, and are as long as another system's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence, Sized
from typing import Protocol


class Output(Protocol):
    """``octavo.engine.Hypothesis`` is one, ``octavo.translation.Translation`` another."""

    @property
    def tokens(self) -> Sized:
        """Target ids, without EOS."""

    @property
    def complete(self) -> bool:
        """False where it was cut at the length limit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lengths:
    """``complete_share``: of the translations, those that ended with EOS, from 0 to 1.

    ``length_ratio``: tokens of all translations, EOS included, over those of the other system.
    """

    complete_share: float
    length_ratio: float


def measure_lengths(outputs: Sequence[Output], others: Sequence[Output]) -> Lengths:
    """Figures of ``outputs`` beside another system's for the same sources.

    Raises ValueError for unequal numbers, or none.
    """
    if len(outputs) != len(others):
        raise ValueError(f"{len(outputs)} translations, {len(others)} of the other system")
    if not outputs:
        raise ValueError("no translations")
    other_tokens = _tokens(others)
    return Lengths(
        complete_share=sum(output.complete for output in outputs) / len(outputs),
        length_ratio=_tokens(outputs) / other_tokens if other_tokens else 1.0,
    )


def _tokens(outputs: Sequence[Output]) -> int:
    return sum(len(output.tokens) + output.complete for output in outputs)

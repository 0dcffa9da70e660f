"""Lengths and endings of two systems' translations."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.engine import Hypothesis
from octavo.evaluation.lengths import Lengths, measure_lengths


def hypothesis(tokens: int, complete: bool = True) -> Hypothesis:
    return Hypothesis(np.zeros(tokens, np.int32), -1.0, complete)


def test_eos_counts_as_a_token_where_there_is_one() -> None:
    outputs = [hypothesis(4), hypothesis(10, complete=False)]
    others = [hypothesis(3), hypothesis(5)]
    assert measure_lengths(outputs, others) == Lengths(complete_share=0.5, length_ratio=15 / 10)


def test_a_system_beside_itself() -> None:
    outputs = [hypothesis(0), hypothesis(7)]
    assert measure_lengths(outputs, outputs) == Lengths(complete_share=1.0, length_ratio=1.0)


def test_sentences_must_be_the_same() -> None:
    with pytest.raises(ValueError, match="1 translations, 0 of the other system"):
        measure_lengths([hypothesis(1)], [])
    with pytest.raises(ValueError, match="no translations"):
        measure_lengths([], [])

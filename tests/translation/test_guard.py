"""Which translations look wrong, and that those of people do not."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.artifact import ModelDirectory
from octavo.model.search import SearchOptions
from octavo.translation import boxed_model
from octavo.translation.guard import Fault, loops, needs_retry, safer

SOURCE = list(range(100, 120))
TOKENS = st.lists(st.integers(0, 3), max_size=30)


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (list(range(20)), None),
        ([], Fault.EMPTY),
        (list(range(57)), Fault.TOO_LONG),
        (list(range(56)), None),
        ([1, 2], Fault.TOO_SHORT),
        ([1, 2, 3], None),
        ([1, 2, 3, 4, 5, 1, 2, 3, 4, 6, 1, 2, 3, 4], Fault.LOOP),
        ([1, 2, 3, 4, 5, 1, 2, 3, 4, 6, 1, 2, 3, 7], None),
        ([0, 7, 7, 7, 7], Fault.LOOP),
        ([0, 7, 7, 7], None),
        ([0, 7, 8, 7, 8, 7, 8], Fault.LOOP),
        ([0, 7, 8, 7, 8, 7], None),
        ([0, 7, 8, 9, 7, 8, 9, 7, 8, 9], Fault.LOOP),
    ],
)
def test_faults(target: list[int], fault: Fault | None) -> None:
    assert needs_retry(SOURCE, target) is fault


def test_what_repeats_in_the_source_may_repeat() -> None:
    chorus = [1, 2, 3, 4, 5] * 3
    assert needs_retry(chorus, [6, 7, 8, 9, 10] * 3) is None
    assert needs_retry(chorus, [6, 7, 8, 9, 10] * 5) is Fault.LOOP
    assert needs_retry([1, 1, 1], [2, 2, 2, 2]) is None


def test_short_sentences_may_have_any_length_within_reason() -> None:
    assert needs_retry([1], list(range(18))) is None
    assert needs_retry(list(range(12)), [1]) is None
    assert needs_retry([], [1, 2, 3]) is None


@pytest.mark.parametrize("fault", Fault)
def test_a_safer_search_repeats_nothing_and_is_no_shorter(fault: Fault) -> None:
    options = SearchOptions(beam=1, min_length=2, max_length=50)
    found = safer(options, SOURCE, fault)
    assert (found.beam, found.no_repeat_ngram, found.max_length) == (4, 3, 50)
    assert found.min_length == (6 if fault in (Fault.EMPTY, Fault.TOO_SHORT) else 2)
    assert safer(dataclasses.replace(options, beam=9, max_length=5), SOURCE, fault).beam == 9
    assert safer(dataclasses.replace(options, no_repeat_ngram=2), SOURCE, fault).no_repeat_ngram == 2
    assert safer(dataclasses.replace(options, no_repeat_ngram=5), SOURCE, fault).no_repeat_ngram == 3
    assert safer(dataclasses.replace(options, max_length=5), SOURCE, fault).min_length <= 5


@settings(max_examples=100, deadline=None)
@given(TOKENS, TOKENS)
def test_a_loop_is_what_its_definition_says(source: list[int], target: list[int]) -> None:
    def runs(tokens: list[int]) -> int:
        found = [tuple(tokens[start : start + 4]) for start in range(len(tokens) - 3)]
        return max(map(found.count, found), default=0)

    def cycles(tokens: list[int], period: int) -> int:
        starts = range(len(tokens))
        times = range(1, len(tokens) // period + 1)
        return max(
            (
                count
                for start, count in itertools.product(starts, times)
                if tokens[start : start + period] * count == tokens[start : start + period * count]
                and start + period * count <= len(tokens)
            ),
            default=1,
        )

    expected = runs(target) >= max(3, runs(source) + 2) or any(
        cycles(target, period) >= max(least, cycles(source, period) + 2)
        for period, least in ((1, 4), (2, 3), (3, 3))
    )
    assert loops(source, target) == expected


def test_translations_of_people_have_no_faults(shared_data: Path) -> None:
    source, target = ModelDirectory.open(boxed_model()).tokenizers()
    pairs = faults = 0
    for name in ("multi30k/val", "tatoeba-en-de/dev", "news-en-de/newstest2013"):
        texts = [
            (shared_data / f"{name}.{side}").read_text(encoding="utf-8").split("\n") for side in ("en", "de")
        ]
        for english, german in zip(*texts, strict=True):
            faults += needs_retry(source.encode(english), target.encode(german)) is not None
            pairs += 1
    assert faults <= 0.001 * pairs

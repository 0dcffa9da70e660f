"""Rounds are interleaved, a warm-up does not count, and ratios are those of neighbours in time."""

from __future__ import annotations

import itertools

import pytest

from octavo.race import Spread, paired_ratio, race, timed


def test_each_round_starts_with_another_contestant() -> None:
    order: list[str] = []
    heard: list[tuple[str, int, int]] = []
    numbers = itertools.count()

    def contestant(name: str) -> int:
        order.append(name)
        return next(numbers)

    found = race(
        {name: lambda name=name: contestant(name) for name in "abc"},
        3,
        advance=lambda *what: heard.append(what),
    )
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"
    assert found == {"a": [5, 7, 9], "b": [3, 8, 10], "c": [4, 6, 11]}
    assert heard[:4] == [("a", 0, 0), ("b", 0, 1), ("c", 0, 2), ("b", 1, 3)] and len(heard) == 12


def test_a_race_has_a_round() -> None:
    with pytest.raises(ValueError, match="rounds = 0: a race takes 1 or more"):
        race({"a": int}, 0)
    assert race({}, 1) == {}


def test_a_ratio_is_that_of_one_round() -> None:
    """A machine that is half as fast in one round changes no ratio; the medians' ratio is another number."""
    baseline, twice = [10.0, 4.0, 6.0], [20.0, 8.0, 12.0]
    assert paired_ratio(twice, baseline) == Spread(2.0, 2.0, 2.0)
    assert paired_ratio([1.0, 9.0, 4.0], [1.0, 3.0, 8.0]) == Spread(1.0, 0.5, 3.0)
    with pytest.raises(ValueError, match="longer"):
        paired_ratio([1.0], baseline)


def test_a_spread_needs_values() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    with pytest.raises(ValueError, match="median"):
        Spread.of([])


def test_seconds_are_those_of_the_work() -> None:
    seconds, result = timed(lambda: "done")
    assert result == "done" and seconds >= 0

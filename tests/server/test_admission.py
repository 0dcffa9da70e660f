"""What the service takes on, by a clock of the test's own."""

from __future__ import annotations

import pytest

from octavo.server import admission
from octavo.server.admission import Admission
from octavo.server.errors import BusyError

MOST = 100_000
FULL = 10_000
"""Enough for the speed to be measured."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(admission, "time", clock)
    return clock


def work(taker: Admission, clock: Clock, seconds: float, *, done: bool) -> None:
    """Full work that takes so long."""
    taken = taker.take(FULL, 3600)
    clock.now += seconds
    taker.give_back(FULL, taken, done=done)


def test_what_would_not_be_done_in_time_is_refused(clock: Clock) -> None:
    taker = Admission(MOST)
    work(taker, clock, 1, done=True)
    taker.take(FULL, 4)
    taker.take(FULL, 4)
    with pytest.raises(BusyError) as refused:
        taker.take(FULL, 3)  # two seconds of work are before it
    assert refused.value.retry_after == 1


def test_what_is_more_than_the_most_is_refused_unless_there_is_nothing_else(clock: Clock) -> None:
    taker = Admission(MOST)
    taken = taker.take(2 * MOST, 1)
    with pytest.raises(BusyError):
        taker.take(1, 1)
    taker.give_back(2 * MOST, taken, done=True)
    taker.take(1, 1)


def test_clients_that_leave_do_not_make_the_service_look_slow(clock: Clock) -> None:
    taker = Admission(MOST)
    for _ in range(100):
        left = taker.take(9 * FULL, 3600)
        taken = taker.take(FULL, 3600)
        clock.now += 1
        taker.give_back(9 * FULL, left, done=False)
        taker.give_back(FULL, taken, done=True)
    taker.take(FULL, 3600)
    taker.take(1, 1)  # a tenth of a second of work is before it


def test_work_that_is_all_given_up_says_nothing_about_the_speed(clock: Clock) -> None:
    taker = Admission(MOST)
    for _ in range(100):
        work(taker, clock, 60, done=False)
    taker.take(FULL, 1)
    taker.take(1, 1)


def test_a_slow_time_is_forgotten(clock: Clock) -> None:
    taker = Admission(MOST)
    work(taker, clock, 3000, done=True)
    taker.take(1, 0.1)
    with pytest.raises(BusyError):
        taker.take(1, 0.1)
    clock.now += 31
    taker.take(1, 0.1)

"""A call as its caller wants it: urgent or not, until a deadline, and cancelled."""

from __future__ import annotations

import pytest

from octavo.engine import Call, CancelledCallError, DeadlineError, Priority


def test_a_call_goes_on_until_it_is_cancelled() -> None:
    call = Call()
    call.check()
    call.cancel()
    call.cancel()
    with pytest.raises(CancelledCallError, match="cancelled"):
        call.check()


def test_a_call_ends_with_its_time() -> None:
    Call(timeout=3600).check()
    with pytest.raises(DeadlineError, match="time"):
        Call(timeout=0).check()


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "3", True])
def test_a_timeout_that_cannot_be_is_refused(timeout: object) -> None:
    with pytest.raises(ValueError, match="timeout = "):
        Call(timeout=timeout)  # type: ignore[arg-type]


def test_what_is_interactive_comes_first() -> None:
    assert Call().priority is Priority.NORMAL
    assert sorted(Priority, reverse=True) == [Priority.INTERACTIVE, Priority.NORMAL, Priority.BULK]


def test_who_watches_a_call_is_told_once_that_it_is_cancelled() -> None:
    call, told = Call(), []
    call.watch(lambda: told.append("first"))
    unwatch = call.watch(lambda: told.append("second"))
    unwatch()
    call.cancel()
    call.cancel()
    call.watch(lambda: told.append("late"))
    assert told == ["first", "late"]

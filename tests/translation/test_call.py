"""Priority, deadline and cancellation reach the engine from every way to translate."""

from __future__ import annotations

import pytest

from octavo.engine import Call, CancelledCallError, DeadlineError
from octavo.translation import Translator


def test_a_cancelled_call_translates_nothing(translator: Translator) -> None:
    call = Call()
    assert translator("Hello", call=call).text
    call.cancel()
    with pytest.raises(CancelledCallError):
        translator("Hello", call=call)
    with pytest.raises(CancelledCallError):
        translator.html("<p>Hello</p>", call=call)


def test_a_call_whose_time_is_over_translates_nothing(translator: Translator) -> None:
    with pytest.raises(DeadlineError):
        translator("Hello", call=Call(timeout=0))


def test_a_call_must_be_one(translator: Translator) -> None:
    with pytest.raises(TypeError, match=r"octavo\.engine\.Call\(timeout=10\) gives one"):
        translator("Hello", call=10)  # type: ignore[typeddict-item]

"""JSON is JSON: what it has no numbers for is refused."""

from __future__ import annotations

import math

import pytest

from octavo.cli.terminal.json_output import encoded
from octavo.errors import OutputError


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_written_that_json_does_not_have(value: float) -> None:
    with pytest.raises(OutputError, match="not finite"):
        encoded({"speed": [value]})


def test_text_stays_text_and_a_line_a_line() -> None:
    assert encoded({"text": "sch\u00f6n\n"}) == '{"text": "sch\u00f6n\\n"}'

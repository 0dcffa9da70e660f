"""Words of messages."""

from __future__ import annotations

import pytest

from octavo.errors import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1000, "1,000 tokens")]
)
def test_one_thing_is_no_things(number: int, words: str) -> None:
    assert counted(number, "token") == words

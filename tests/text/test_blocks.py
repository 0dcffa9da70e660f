"""Blocks of texts: bounded, in order, and not longer than a slow writer lets them be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from octavo.text import blocks as module
from octavo.text.blocks import blocks


def test_blocks_are_full_and_in_order() -> None:
    assert list(blocks(map(str, range(7)), 3)) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert list(blocks([], 3)) == []


def test_first_blocks_are_small_where_answers_are_awaited() -> None:
    sizes = [len(block) for block in blocks(["Bako."] * 4000, 1024, lambda: False)]
    assert sizes[:5] == [64, 128, 256, 512, 1024]
    assert (max(sizes), sum(sizes)) == (1024, 4000)


def test_a_block_ends_where_the_next_text_is_still_to_come() -> None:
    waits = iter([False, True, True])
    assert list(blocks(["a", "b", "c", "d"], 9, lambda: next(waits, False))) == [["a", "b"], ["c"], ["d"]]


def test_long_texts_end_a_block() -> None:
    long = "x" * (module.MAX_BLOCK_CHARACTERS // 2)
    assert [len(block) for block in blocks([long] * 5, 1024)] == [2, 2, 1]


def test_texts_before_a_failure_come_first() -> None:
    def texts() -> Iterator[str]:
        yield from ("a", "b", "c")
        raise ValueError("the fourth")

    found: list[list[str]] = []
    with pytest.raises(ValueError, match="the fourth"):
        found.extend(blocks(texts(), 2))
    assert found == [["a", "b"], ["c"]]

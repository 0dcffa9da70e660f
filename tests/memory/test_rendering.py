"""What is the same to a memory, and that no two different segments are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.memory.rendering import normalized, numbering, parsed, plain_of, rendered
from octavo.text.parts import Kept, Mark, Part, Side, plain

from .passages import passages

CONTROLS = st.text(st.sampled_from("\x02\x03(){}.1a "), max_size=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A  man\n rides.", "A man rides."),
        ("\u2003A man rides.\u00a0", "A man rides."),
        ("cafe\u0301", "café"),
    ],
)
def test_white_space_and_normal_form_do_not_matter(one: str, other: str) -> None:
    assert normalized(one) == normalized(other) == other


@pytest.mark.parametrize(
    ("one", "other"),
    [("A man", "a man"), ("A man.", "A man"), ("5 men", "6 men"), ("ﬁne", "fine"), ("A man", "Aman")],
)
def test_letters_case_punctuation_and_numbers_matter(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


@settings(max_examples=100, deadline=None)
@given(passages() | passages(CONTROLS))
def test_a_rendering_has_all_of_its_parts(parts: tuple[Part, ...]) -> None:
    numbers = numbering(parts)
    rendering = rendered(parts, numbers)
    same = {number: number for number in numbers}
    assert parsed(rendered(parts, same)) == parts
    assert plain_of(rendering) == plain(parts)
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))


@settings(max_examples=100, deadline=None)
@given(CONTROLS, passages(CONTROLS))
def test_no_text_is_taken_for_a_mark(text: str, parts: tuple[Part, ...]) -> None:
    same = rendered(text, {}) == rendered(parts, numbering(parts))
    assert same == (parts == ((text,) if text else ()))


def test_ids_do_not_matter_but_their_order_does() -> None:
    def segment(first: int, second: int) -> tuple[Part, ...]:
        return (Mark(Side.OPEN, first), "a", Kept("b", second), Mark(Side.CLOSE, first))

    one, other = segment(3, 9), segment(7, 1)
    assert rendered(one, numbering(one)) == rendered(other, numbering(other))


def test_plain_text_stands_for_itself() -> None:
    assert rendered("A <b>man</b> & 100 %", {}) == "A <b>man</b> & 100 %"

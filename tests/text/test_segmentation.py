# ruff: noqa: RUF001 - the characters of other scripts are meant
"""Pieces fit, lose nothing, and end where a reader would end them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.text import Tokenizer, segment

from ..models import synthetic_sentences, tiny_tokenizer


def squeezed(text: str) -> str:
    return "".join(text.split())


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.spm"
    return Tokenizer(tiny_tokenizer(path, 340, byte_fallback=True))


PUNCTUATED = st.text(st.sampled_from("ab .,;!?\"')。、…\n\u0301\u200d👍🏽日—"), max_size=300)


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=300), PUNCTUATED), limit=st.integers(1, 40))
def test_pieces_fit_and_lose_nothing(text: str, limit: int) -> None:
    pieces = segment(text, limit, len)
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(1 <= len(piece) <= limit for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces)
    assert pieces == segment(text, limit, len)


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=200), PUNCTUATED), limit=st.integers(40, 80))
def test_pieces_fit_by_tokens(tokenizer: Tokenizer, text: str, limit: int) -> None:
    text = text * 3
    pieces = segment(text, limit, tokenizer.count)
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(tokenizer.count(piece) <= limit for piece in pieces if len(piece) > 1)


def test_text_within_the_limit_is_left_alone() -> None:
    assert segment("  One. Two. ", 9, len) == ["One. Two."]
    assert segment("", 9, len) == segment(" \n\t\u3000", 9, len) == []


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One two. Three four! Five?", ["One two.", "Three four!", "Five?"]),
        ('He said "Stop!" Then "Go." he', ['He said "Stop!"', 'Then "Go." he']),
        ("It cost 3.5 then. It is 4 now", ["It cost 3.5 then.", "It is 4 now"]),
        ("Fruit, e.g. pears. Or J. Smith", ["Fruit, e.g. pears.", "Or J. Smith"]),
        ("Wait... what?! Well… Yes (no.) So", ["Wait... what?!", "Well…", "Yes (no.)", "So"]),
        ("今天很好。你好吗？「好！」再见了吧", ["今天很好。", "你好吗？", "「好！」", "再见了吧"]),
        ("كيف حالك اليوم؟ انا بخير والحمد لله", ["كيف حالك اليوم؟", "انا بخير والحمد لله"]),
        ("यह एक वाक्य है। यह दूसरा है", ["यह एक वाक्य है।", "यह दूसरा है"]),
        ("First line here\nSecond line here", ["First line here", "Second line here"]),
    ],
)
def test_sentence_ends(text: str, pieces: list[str]) -> None:
    assert segment(text, max(map(len, pieces)), len) == pieces


def test_clauses_stay_together_while_they_fit() -> None:
    text = "aa bb, cc dd; ee ff: gg hh — ii jj, kk"
    assert segment(text, 14, len) == ["aa bb, cc dd;", "ee ff: gg hh —", "ii jj, kk"]


def test_words_stay_together_while_they_fit() -> None:
    assert segment("aa bb cc dd ee", 8, len) == ["aa bb cc", "dd ee"]


def test_long_words_are_cut_between_characters() -> None:
    assert segment("go aaaaaaaaaa go", 4, len) == ["go", "aaaa", "aaaa", "aa", "go"]
    assert segment("e\u0301" * 6, 3, len) == ["e\u0301"] * 6
    assert segment("👩\u200d🚀" * 3, 5, len) == ["👩\u200d🚀"] * 3
    assert segment("a" + "\u0301" * 6, 3, len) == ["a\u0301\u0301", "\u0301" * 3, "\u0301"]


def test_only_a_character_may_exceed_the_limit() -> None:
    assert segment("abc", 1, lambda text: 5 * len(text)) == ["a", "b", "c"]


def test_impossible_limit() -> None:
    with pytest.raises(ValueError, match="limit = 0: must be at least 1"):
        segment("a", 0, len)


@pytest.mark.parametrize(
    "unit",
    [
        "bako",
        "日本",
        ".",
        '."',
        ", ",
        "a ",
        "a\u0301",
        "\u0301",
        "\u200d",
        "😀",
        "A. ",
        "a\n",
        "! ",
        "”",
        "x,y;",
    ],
)
def test_time_grows_with_length_alone(tokenizer: Tokenizer, unit: str) -> None:
    """100,000 characters, whatever they are, take well under the seconds that a square would."""
    text = (unit * 100_000)[:100_000]
    start = time.perf_counter()
    pieces = segment(text, 128, tokenizer.count)
    assert time.perf_counter() - start < 5
    assert all(tokenizer.count(piece) <= 128 for piece in pieces)
    assert squeezed("".join(pieces)) == squeezed(text)


def test_a_book_of_sentences(tokenizer: Tokenizer, tmp_path: Path) -> None:
    sentences = synthetic_sentences(500, seed=2)
    assert segment(" ".join(sentences), 1000, tokenizer.count) == sentences

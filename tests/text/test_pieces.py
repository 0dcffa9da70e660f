"""Pieces fit, lose nothing, and end where a reader would end them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.text import Tokenizer
from octavo.text.pieces import pieces, stripped

from ..models import tiny_tokenizer


def squeezed(text: str) -> str:
    """What of a text can be seen."""
    return "".join(character for character in text if stripped(character, 0, 1) == (0, 1))


def cut(text: str, limit: int, count: Callable[[str], int]) -> list[str]:
    found = pieces(text, limit, count)
    ends = [0, *(end for piece in found for end in piece), len(text)]
    assert ends == sorted(ends)
    assert not squeezed("".join(text[i:j] for i, j in zip(ends[::2], ends[1::2], strict=True)))
    return [text[i:j] for i, j in found]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.spm"
    return Tokenizer(tiny_tokenizer(path, 340, byte_fallback=True))


PUNCTUATED = st.text(st.sampled_from("ab .,;!?\"')。、…\n\u0301\u200d👍🏽日—"), max_size=300)


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=300), PUNCTUATED), limit=st.integers(1, 40))
def test_pieces_fit_and_lose_nothing(text: str, limit: int) -> None:
    found = cut(text, limit, len)
    assert squeezed("".join(found)) == squeezed(text)
    assert all(1 <= len(piece) <= limit for piece in found)
    assert all(piece == piece.strip() for piece in found)
    assert found == cut(text, limit, len)


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=200), PUNCTUATED), limit=st.integers(40, 80))
def test_pieces_fit_by_tokens(tokenizer: Tokenizer, text: str, limit: int) -> None:
    text = text * 3
    found = cut(text, limit, tokenizer.count)
    assert squeezed("".join(found)) == squeezed(text)
    assert all(tokenizer.count(piece) <= limit for piece in found if len(piece) > 1)


def test_text_within_the_limit_is_left_alone() -> None:
    assert cut("  One. Two. ", 9, len) == ["One. Two."]
    assert cut("", 9, len) == cut(" \n\t\u3000", 9, len) == []


def test_clauses_stay_together_while_they_fit() -> None:
    text = "aa bb, cc dd; ee ff: gg hh — ii jj, kk"
    assert cut(text, 14, len) == ["aa bb, cc dd;", "ee ff: gg hh —", "ii jj, kk"]


def test_words_stay_together_while_they_fit() -> None:
    assert cut("aa bb cc dd ee", 8, len) == ["aa bb cc", "dd ee"]


def test_long_words_are_cut_between_characters() -> None:
    assert cut("go aaaaaaaaaa go", 4, len) == ["go", "aaaa", "aaaa", "aa", "go"]
    assert cut("e\u0301" * 6, 3, len) == ["e\u0301"] * 6
    assert cut("👩\u200d🚀" * 3, 5, len) == ["👩\u200d🚀"] * 3
    assert cut("a" + "\u0301" * 6, 3, len) == ["a\u0301\u0301", "\u0301" * 3, "\u0301"]


def test_only_a_character_may_exceed_the_limit() -> None:
    assert cut("abc", 1, lambda text: 5 * len(text)) == ["a", "b", "c"]


def test_flags_stay_whole() -> None:
    assert cut("🇩🇪🇫🇷🇮🇹", 3, len) == ["🇩🇪", "🇫🇷", "🇮🇹"]


def test_what_is_kept_is_cut_last() -> None:
    text = "aa bb, cc dd ee"
    assert [text[i:j] for i, j in pieces(text, 9, len, [(3, 12)])] == ["aa", "bb, cc dd", "ee"]
    assert [text[i:j] for i, j in pieces(text, 6, len, [(3, 12)])] == ["aa", "bb, cc", "dd", "ee"]
    assert [text[i:j] for i, j in pieces(text, 3, len, [(0, 15)])] == ["aa", "bb,", "cc", "dd", "ee"]


def test_impossible_limit() -> None:
    with pytest.raises(ValueError, match="limit = 0: must be at least 1"):
        cut("a", 0, len)


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
    """30,000 characters, whatever they are, take well under the seconds that a square would."""
    text = (unit * 30_000)[:30_000]
    start = time.process_time()
    found = cut(text, 128, tokenizer.count)
    assert time.process_time() - start < 5
    assert all(tokenizer.count(piece) <= 128 for piece in found)
    assert squeezed("".join(found)) == squeezed(text)

"""A text as a stream of tokens: its windows, and what is counted."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from octavo.text import Tokenizer
from octavo.text.stream import Perplexity, TokenStream, Window, windows

from ..models import tiny_tokenizer


@pytest.mark.parametrize("tokens", [0, 1, 6, 7, 8, 50])
@pytest.mark.parametrize(("context", "stride"), [(1, 1), (7, 1), (7, 4), (7, 7)])
def test_windows_score_every_token_once(tokens: int, context: int, stride: int) -> None:
    found = list(windows(tokens, context, stride))
    scored = [token for window in found for token in range(window.last - window.scored, window.last)]
    assert scored == list(range(tokens))
    assert all(0 <= window.first <= window.last - window.scored for window in found)
    assert all(window.last - window.first == min(context, tokens) for window in found)


def test_windows_are_these() -> None:
    assert list(windows(10, 4, 3)) == [Window(0, 4, 4), Window(3, 7, 3), Window(6, 10, 3)]
    assert list(windows(3, 4, 3)) == [Window(0, 3, 3)]


def test_lines_words_and_characters_are_counted_as_wikitext_does(tmp_path: Path) -> None:
    tokenizer = Tokenizer(tiny_tokenizer(tmp_path / "tokenizer.spm"))
    lines = ["", " = Robert Boulter = ", " a  b\tc "]
    stream = TokenStream.encode(lines, tokenizer, eos_id=3)
    assert stream.words == (0 + 1) + (4 + 1) + (3 + 1)
    assert stream.characters == 1 + 21 + 9
    assert stream.tokens[0] == 3
    assert int((stream.tokens == 3).sum()) == len(lines)


def test_perplexities_are_of_the_counts() -> None:
    found = Perplexity(log_likelihood=-12 * math.log(2), tokens=12, words=6, characters=24)
    assert found.per_token == pytest.approx(2)
    assert found.per_word == pytest.approx(4)
    assert found.bits_per_character == pytest.approx(0.5)
    assert Perplexity(-1e6, tokens=10, words=10, characters=10).per_token == math.inf

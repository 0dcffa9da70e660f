"""Text in a script that the vocabulary does not have is told from text that it can read."""

from __future__ import annotations

import pytest

from octavo.text import Tokenizer
from octavo.text.scripts import unreadable

from ..models import tiny_tokenizer


@pytest.fixture(scope="module", params=[False, True], ids=["unknown", "bytes"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.spm"
    return Tokenizer(tiny_tokenizer(path, 340, byte_fallback=request.param))


@pytest.mark.parametrize("text", ["Человек едет", "日本語", "bako Человек", "שלום, bako", "Ж"])
def test_another_script(tokenizer: Tokenizer, text: str) -> None:
    assert unreadable(text, tokenizer)
    assert unreadable(text, tokenizer, tokenizer.encode(text))


@pytest.mark.parametrize(
    "text", ["", "bako tire", "bako tire 日本", "😀 → 5", "bako 😀😀😀😀😀😀", "Человек" + "bako" * 2]
)
def test_text_that_can_be_read(tokenizer: Tokenizer, text: str) -> None:
    assert not unreadable(text, tokenizer)
    assert not unreadable(text, tokenizer, tokenizer.encode(text))

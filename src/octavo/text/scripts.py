"""Text in letters that a vocabulary does not have."""

from __future__ import annotations

from collections.abc import Sequence

from octavo.text.tokenizer import Tokenizer


def unreadable(text: str, tokenizer: Tokenizer, ids: Sequence[int] | None = None) -> bool:
    """Whether the vocabulary has no piece for at least half of the letters of ``text``.

    A model sees such letters as unknown tokens, or as bytes where the vocabulary has those, and cannot
    translate them. ``ids`` may hold the text's own ids, with or without a prefix, where the caller has them:
    most texts are decided by them alone.
    """
    if ids is not None and tokenizer.without_piece.isdisjoint(ids):
        return False
    tokens, spans = tokenizer.encode_with_spans(text, may_state=False)
    lost = sum(
        _letters(text[start:end])
        for token, (start, end) in zip(tokens, spans, strict=True)
        if token in tokenizer.without_piece
    )
    return 0 < _letters(text) <= 2 * lost


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))

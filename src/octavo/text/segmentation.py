"""Sentences and pieces as lists of text."""

from __future__ import annotations

from octavo.text.pieces import Count, pieces
from octavo.text.sentences import split_sentences

__all__ = ["segment", "split_sentences"]


def segment(text: str, limit: int, count: Count) -> list[str]:
    """Pieces of ``text`` in order, each of at most ``limit`` tokens by ``count``; none for blank text."""
    if limit < 1:
        raise ValueError(f"limit = {limit}: must be at least 1")
    text = text.strip()
    sentences = [text] if count(text) <= limit else split_sentences(text)
    return [sentence[i:j] for sentence in sentences for i, j in pieces(sentence, limit, count)]

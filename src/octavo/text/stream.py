"""A text as a language model sees it: one stream of tokens, windows over it, and what perplexity means.

Every line's tokens are followed by EOS; context goes over the ends of lines. An empty line is EOS alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

TokenIds = npt.NDArray[np.int32]


class Encoder(Protocol):
    """What a stream needs of a tokenizer; see octavo.text.Tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Token ids without BOS or EOS."""


@dataclasses.dataclass(frozen=True, slots=True)
class Perplexity:
    """How well a model predicts a text. ``log_likelihood``: in nats, of all its tokens, EOS included.

    ``words``: runs of characters between white space, and one <eos> a line, as WikiText counts.
    ``characters``: Unicode characters, line ends included.
    """

    log_likelihood: float
    tokens: int
    words: int
    characters: int

    @property
    def per_token(self) -> float:
        """exp(-log likelihood / tokens). Models with other vocabularies cannot be compared by it."""
        return _exp(-self.log_likelihood / self.tokens)

    @property
    def per_word(self) -> float:
        """exp(-log likelihood / words): models with any vocabulary can be compared by it."""
        return _exp(-self.log_likelihood / self.words)

    @property
    def bits_per_character(self) -> float:
        """-log likelihood / characters, in bits."""
        return -self.log_likelihood / (math.log(2) * self.characters)


@dataclasses.dataclass(frozen=True, slots=True)
class TokenStream:
    """The tokens of a text, int32 [tokens], each line ended by EOS; and its words and characters."""

    tokens: TokenIds
    words: int
    characters: int

    @classmethod
    def encode(cls, lines: Iterable[str], tokenizer: Encoder, eos_id: int) -> TokenStream:
        """Lines without their ends."""
        parts: list[TokenIds] = []
        words = characters = 0
        for line in lines:
            parts.append(np.array([*tokenizer.encode(line), eos_id], np.int32))
            words += len(line.split()) + 1
            characters += len(line) + 1
        return cls(np.concatenate(parts) if parts else np.empty(0, np.int32), words, characters)

    def perplexity(self, log_likelihood: float) -> Perplexity:
        """Of a model that gives the tokens this log-likelihood, in nats."""
        return Perplexity(log_likelihood, len(self.tokens), self.words, self.characters)


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Tokens fed together, and how many at their end are scored.

    Of the sequence decoder_start_id, token 1, token 2, ...: those from ``first`` to before ``last`` are fed,
    and the ``scored`` tokens up to ``last``, with it, are scored.
    """

    first: int
    last: int
    scored: int


def windows(tokens: int, context: int, stride: int) -> Iterator[Window]:
    """Windows that score each of that many tokens once; every window feeds at most ``context``.

    The first scores all it feeds, each later one ``stride`` tokens: these see at least context - stride + 1
    tokens before them. With stride 1 every token sees all that fit.
    """
    done = 0
    while done < tokens:
        last = min(done + stride if done else context, tokens)
        yield Window(max(0, last - context), last, last - done)
        done = last


def _exp(x: float) -> float:
    return math.exp(x) if x < 700.0 else math.inf

"""Tokens that were added to a vocabulary: they are found in a text as they are written, and split it."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from octavo.model.errors import SpecError

MAX_ADDED_TOKENS: Final = 4096
MAX_LENGTH: Final = 200

Part: TypeAlias = tuple[int, int, int | None]
"""Characters of a text, from the first index to before the second, and the token they are; None: text."""


class AddedTokens:
    """The added tokens and their ids. Raises SpecError for what no model can have."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        if len(ids) > MAX_ADDED_TOKENS:
            raise SpecError(f"added: {len(ids)} tokens: must be at most {MAX_ADDED_TOKENS}")
        for text, token in ids.items():
            if not (0 < len(text) <= MAX_LENGTH and text.isprintable() and text.strip() == text):
                raise SpecError(
                    f"added: {reprlib.repr(text)}: must be 1 to {MAX_LENGTH} printable characters, without "
                    "spaces at its ends"
                )
            if type(token) is not int or token < 0:
                raise SpecError(f"added: {text!r}: {reprlib.repr(token)}: expected a token id")
        self.ids: dict[str, int] = dict(ids)
        longest_first = sorted(map(re.escape, ids), key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first)) if ids else None

    def check_size(self, size: int) -> None:
        """Check that a vocabulary of ``size`` tokens has them all. Raises SpecError."""
        for text, token in self.ids.items():
            if token >= size:
                raise SpecError(f"added: {text!r}: token {token} lies outside the vocabulary of {size}")

    def parts(self, text: str) -> Iterator[Part]:
        """The text, cut at the tokens in it: of those that begin first, the longest. No part is empty, but a
        text that has none of them is one part."""
        start = 0
        for found in self._pattern.finditer(text) if self._pattern else ():
            if start < found.start():
                yield start, found.start(), None
            yield found.start(), found.end(), self.ids[found[0]]
            start = found.end()
        if start < len(text) or start == 0:
            yield start, len(text), None

    def __bool__(self) -> bool:
        return bool(self.ids)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dict(self.ids)


NO_ADDED_TOKENS: Final = AddedTokens({})

"""A token that was added to a vocabulary after it was made."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class AddedToken:
    """A token that is found in a text as it is written. A ``special`` one decodes to nothing.

    ``only_words``: only between spaces. ``takes_spaces``: with the spaces beside it.
    """

    text: str
    id: int
    special: bool = False
    only_words: bool = False
    takes_spaces: bool = False

    @classmethod
    def of(cls, value: Any, token: Any) -> AddedToken | None:
        """The token with that id and the properties that Transformers states; None without text or id."""
        text = value.get("content") if isinstance(value, dict) else None
        if isinstance(token, str) and token.isdecimal():
            token = int(token)
        if not isinstance(text, str) or not text or type(token) is not int or token < 0:
            return None
        return cls(
            text,
            token,
            special=value.get("special") is True,
            only_words=value.get("single_word") is True,
            takes_spaces=value.get("lstrip") is True or value.get("rstrip") is True,
        )

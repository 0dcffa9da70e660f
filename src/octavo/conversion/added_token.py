"""A token that was added to a vocabulary after it was made."""

from __future__ import annotations

import dataclasses


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

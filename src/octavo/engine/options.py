"""How to search."""

from __future__ import annotations

import dataclasses
from typing import Any

from octavo.spec import SearchDefaults


@dataclasses.dataclass(frozen=True, slots=True)
class SearchOptions:
    """Options of beam search; docs/numerics.md, "Search", says exactly what each does.

    ``beam`` 1 is greedy search. A hypothesis scores log-probability / length^length_penalty. Lengths count
    target tokens, ``max_length`` with EOS, ``min_length`` without; a translation has at most
    min(max_length, length_ratio * source tokens + length_margin) tokens.
    """

    beam: int = 4
    nbest: int = 1
    length_penalty: float = 1.0
    min_length: int = 0
    max_length: int = 512
    length_ratio: float = 2.0
    length_margin: int = 16

    @classmethod
    def from_defaults(cls, defaults: SearchDefaults, **changes: Any) -> SearchOptions:
        """A model's own defaults, with changes; a change that is None leaves the default."""
        given = {key: value for key, value in changes.items() if value is not None}
        return cls(**{**defaults.to_dict(), **given})

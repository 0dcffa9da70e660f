"""How a model is searched: its defaults, and the options of one search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from octavo.model.errors import SpecError
from octavo.model.fields import from_mapping
from octavo.model.limits import MAX_BEAM, MAX_LENGTH_PENALTY, MAX_LENGTH_RATIO, MAX_POSITIONS


@dataclasses.dataclass(frozen=True, slots=True)
class SearchDefaults:
    """How this model is searched unless the caller says otherwise.

    The cap on a translation's length is ``length_ratio`` * source tokens + ``length_margin``,
    counted in target tokens with EOS. A hypothesis scores log-probability / length^length_penalty.
    """

    beam: int = 4
    length_penalty: float = 1.0
    length_ratio: float = 2.0
    length_margin: int = 16

    def __post_init__(self) -> None:
        ranges = {
            "beam": (1, MAX_BEAM),
            "length_penalty": (0, MAX_LENGTH_PENALTY),
            "length_ratio": (0, MAX_LENGTH_RATIO),
            "length_margin": (1, MAX_POSITIONS),
        }
        for key, (least, most) in ranges.items():
            if not least <= getattr(self, key) <= most:  # NaN is in no range
                raise SpecError(f"{key} = {getattr(self, key)}: must be from {least} to {most}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchDefaults:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        return from_mapping(cls, values)


@dataclasses.dataclass(frozen=True, slots=True)
class SearchOptions:
    """Options of greedy and beam search; docs/numerics.md, "Search", says exactly what each does.

    ``beam`` 1 is greedy search. A hypothesis scores log-probability / length^length_penalty. Lengths count
    target tokens, ``max_length`` with EOS, ``min_length`` without; a translation has at most
    min(max_length, length_ratio * source tokens + length_margin) tokens, those of its terms not counted in
    the latter. No ``no_repeat_ngram`` tokens in a row come twice in a translation; 0: any may.
    """

    beam: int = 4
    nbest: int = 1
    length_penalty: float = 1.0
    min_length: int = 0
    max_length: int = 512
    length_ratio: float = 2.0
    length_margin: int = 16
    no_repeat_ngram: int = 0

    @classmethod
    def from_defaults(cls, defaults: SearchDefaults, **changes: Any) -> SearchOptions:
        """A model's own defaults, with changes; a change that is None leaves the default."""
        given = {key: value for key, value in changes.items() if value is not None}
        return cls(**{**defaults.to_dict(), **given})

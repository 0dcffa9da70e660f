"""How a model is searched: its defaults, and the options of one search."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, Final

from octavo.model.errors import SpecError
from octavo.model.fields import from_mapping
from octavo.model.limits import (
    MAX_BEAM,
    MAX_LENGTH_PENALTY,
    MAX_LENGTH_RATIO,
    MAX_POSITIONS,
    MAX_REPETITION_PENALTY,
    MAX_WORD_PENALTY,
    MIN_REPETITION_PENALTY,
)


class Stop(enum.StrEnum):
    """When the beam search of a sentence ends, before the longest length.

    FULL: when as many hypotheses have ended as the beam is wide. HEURISTIC: when so many have ended, and the
    worst of them scores at least what the best live one would if it ended now (Transformers' default).
    EXHAUSTIVE: when no live one can score better any more than the best that have ended (Transformers'
    "never"). SHRINKING: each one that ends leaves one live hypothesis fewer (Marian). All end as soon as the
    results are certain. Greedy search ends with the first EOS.
    """

    FULL = "full"
    HEURISTIC = "heuristic"
    EXHAUSTIVE = "exhaustive"
    SHRINKING = "shrinking"


class Unknown(enum.StrEnum):
    """What becomes of words that the target vocabulary does not have.

    SUPPRESS: the unknown token is never produced. ALLOW: it may be. COPY: it may be, and the source token
    that it is aligned with stands in its place.
    """

    SUPPRESS = "suppress"
    ALLOW = "allow"
    COPY = "copy"


RULE_KEYS: Final = ("word_penalty", "stop", "no_repeat_ngram", "repetition_penalty")
"""Keys of SearchDefaults that are not written at their defaults."""


@dataclasses.dataclass(frozen=True, slots=True)
class SearchDefaults:
    """How this model is searched unless the caller says otherwise.

    The cap on a translation's length is ``length_ratio`` * source tokens + ``length_margin``,
    counted in target tokens with EOS. A hypothesis scores (log-probability - ``word_penalty`` * length) /
    length^length_penalty. SearchOptions explains the others.
    """

    beam: int = 4
    length_penalty: float = 1.0
    length_ratio: float = 2.0
    length_margin: int = 16
    word_penalty: float = 0.0
    stop: Stop = Stop.FULL
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        ranges = {
            "beam": (1, MAX_BEAM),
            "length_penalty": (0, MAX_LENGTH_PENALTY),
            "length_ratio": (0, MAX_LENGTH_RATIO),
            "length_margin": (0, MAX_POSITIONS),
            "word_penalty": (-MAX_WORD_PENALTY, MAX_WORD_PENALTY),
            "no_repeat_ngram": (0, MAX_POSITIONS),
            "repetition_penalty": (MIN_REPETITION_PENALTY, MAX_REPETITION_PENALTY),
        }
        for key, (least, most) in ranges.items():
            if not least <= getattr(self, key) <= most:  # NaN is in no range
                raise SpecError(f"{key} = {getattr(self, key)}: must be from {least} to {most}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON. RULE_KEYS are left out at their defaults, so that versions that do
        not know them can read it."""
        values = dataclasses.asdict(self) | {"stop": str(self.stop)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {key: v for key, v in values.items() if key not in RULE_KEYS or v != defaults[key]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchDefaults:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        return from_mapping(cls, values)


@dataclasses.dataclass(frozen=True, slots=True)
class SearchOptions:
    """Options of greedy and beam search; docs/numerics.md, "Search", says exactly what each does.

    ``beam`` 1 is greedy search. A hypothesis scores (log-probability - ``word_penalty`` * length) /
    length^length_penalty. Lengths count target tokens, ``max_length`` with EOS, ``min_length`` without; a
    translation has at most min(max_length, length_ratio * source tokens + length_margin) tokens, those of its
    terms and its prefix not counted in the latter. ``stop`` says when the search ends. No ``no_repeat_ngram``
    tokens in a row come twice in a translation; 0: any may. The logits of tokens that a hypothesis has are
    divided by ``repetition_penalty``, or multiplied where they are negative (Keskar et al. 2019).
    ``suppressed_ids`` are never produced; None: those of the model.
    """

    beam: int = 4
    nbest: int = 1
    length_penalty: float = 1.0
    min_length: int = 0
    max_length: int = 512
    length_ratio: float = 2.0
    length_margin: int = 16
    word_penalty: float = 0.0
    stop: Stop = Stop.FULL
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0
    suppressed_ids: tuple[int, ...] | None = None

    def stated(self) -> dict[str, Any]:
        """The options by name; those of newer rules only where they differ from their defaults, so that what
        was kept under these names before is found."""
        newer = {*RULE_KEYS, "suppressed_ids"} - {"no_repeat_ngram"}
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in newer or getattr(self, field.name) != field.default
        }

    @classmethod
    def from_defaults(cls, defaults: SearchDefaults, **changes: Any) -> SearchOptions:
        """A model's own defaults, with changes; a change that is None leaves the default."""
        given = {key: value for key, value in changes.items() if value is not None}
        own = {field.name: getattr(defaults, field.name) for field in dataclasses.fields(defaults)}
        return cls(**{**own, **given})

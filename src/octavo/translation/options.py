"""Search options as a caller states them: checked, and laid over the model's own defaults."""

from __future__ import annotations

from typing import Final, TypedDict

from octavo.arguments import real_number, whole_number
from octavo.engine import SearchOptions
from octavo.errors import ArgumentError
from octavo.spec import MAX_BEAM, MAX_LENGTH_PENALTY, MAX_LENGTH_RATIO, MAX_POSITIONS, SearchDefaults


class OptionError(ArgumentError):
    """A search option outside its range. The message names the option and the range."""


class SearchChanges(TypedDict, total=False):
    """What may be changed in a search; an absent key or None keeps the model's default.

    ``beam``: hypotheses kept at each step, 1 (greedy) to 64. ``nbest``: translations returned, at most
    ``beam``. ``length_penalty``: 0 favours short translations, 1 is the mean per token, more favours
    long ones. ``min_length``, ``max_length``: in target tokens; a translation longer than ``max_length``
    is cut, without it the model's positions are the limit, and a text translated in pieces has pieces
    small enough for it. ``length_ratio``: a translation may have this many times the source's tokens
    (plus the model's margin) before it is cut.
    """

    beam: int | None
    nbest: int | None
    length_penalty: float | None
    min_length: int | None
    max_length: int | None
    length_ratio: float | None


RANGES: Final[dict[str, tuple[int, int]]] = {
    "beam": (1, MAX_BEAM),
    "nbest": (1, MAX_BEAM),
    "length_penalty": (0, MAX_LENGTH_PENALTY),
    "min_length": (0, MAX_POSITIONS),
    "max_length": (1, MAX_POSITIONS),
    "length_ratio": (0, MAX_LENGTH_RATIO),
}
"""Least and most of each option."""
_WHOLE: Final = frozenset({"beam", "nbest", "min_length", "max_length"})


def search_options(defaults: SearchDefaults, changes: SearchChanges) -> SearchOptions:
    """The model's defaults with the caller's changes.

    Raises OptionError for a value outside its range, TypeError for an unknown name.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    checked = {name: _checked(name, value) for name, value in given.items()}
    options = SearchOptions.from_defaults(defaults, **{"max_length": MAX_POSITIONS} | checked)
    if options.nbest > options.beam:
        raise OptionError(
            f"nbest = {options.nbest} is more than beam = {options.beam}: a search finds at most as many "
            f"translations as its beam is wide; use beam = {options.nbest}, or nbest = {options.beam}"
        )
    if options.min_length > options.max_length:
        raise OptionError(
            f"min_length = {options.min_length} is more than max_length = {options.max_length}; lower it"
        )
    return options


def _checked(name: str, value: object) -> int | float:
    if name not in RANGES:
        raise TypeError(f"unknown search option {name!r}; known: {', '.join(RANGES)}")
    number = whole_number if name in _WHOLE else real_number
    try:
        return number(name, value, *RANGES[name])
    except ValueError as error:
        raise OptionError(str(error)) from error

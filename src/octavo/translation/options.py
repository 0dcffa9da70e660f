"""Search options as a caller states them: checked, and laid over the model's own defaults."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Final, TypedDict, TypeVar, cast

import numpy as np

from octavo.arguments import real_number, whole_number
from octavo.engine import Call, SearchOptions
from octavo.errors import ArgumentError
from octavo.memory import TranslationMemory
from octavo.model.limits import (
    MAX_BEAM,
    MAX_LENGTH_PENALTY,
    MAX_LENGTH_RATIO,
    MAX_POSITIONS,
    MAX_REPETITION_PENALTY,
    MAX_WORD_PENALTY,
    MIN_REPETITION_PENALTY,
)
from octavo.model.search import SearchDefaults, Stop, Unknown
from octavo.terms import Glossary


class OptionError(ArgumentError):
    """A search option outside its range. The message names the option and the range."""


class SearchChanges(TypedDict, total=False):
    """The options of a search. An option that is absent or None keeps the model's default.

    ``beam`` is the number of hypotheses that the search keeps at each step, from 1 (greedy) to 64. ``nbest``
    is the number of translations that it returns, at most ``beam``. ``length_penalty`` weighs length: 0
    favours short translations, 1 scores by the mean per token, and more favours long ones. ``min_length`` and
    ``max_length`` count target tokens. A translation longer than ``max_length`` is cut; without it the
    model's positions are the limit. A text that is translated in pieces is cut into pieces that are small
    enough for ``max_length``. ``length_ratio`` limits a translation to so many times the source's tokens,
    plus the model's margin. With ``no_repeat_ngram`` no so many tokens in a row come twice in a translation;
    0 lets them. ``retry`` says whether a sentence whose translation goes wrong (empty, in a loop, far too
    long or short) is searched for again, more safely; None does, unless ``no_repeat_ngram`` is 0.
    ``repetition_penalty`` makes tokens that a translation already has less likely, or more likely below 1.
    ``word_penalty`` is taken off the log-probability for each token, as in Marian. ``stop`` says when a
    search ends: "full", "heuristic", "exhaustive" or "shrinking" (``octavo.model.search.Stop``).
    """

    beam: int | None
    nbest: int | None
    length_penalty: float | None
    min_length: int | None
    max_length: int | None
    length_ratio: float | None
    no_repeat_ngram: int | None
    retry: bool | None
    repetition_penalty: float | None
    word_penalty: float | None
    stop: Stop | str | None


class TranslationOptions(SearchChanges, total=False):
    """How a text is translated: the options of the search, and what goes beyond it.

    ``source`` and ``to`` are languages of a model that has several, as tags ("de") or as the model's codes
    ("deu_Latn"); absent or None, they are as the translator was opened. ``source`` "auto" is the language
    that each text is in; it needs the extra "detect".
    ``target_prefix`` is what the translation of each text, or passage of a document, begins with; the model
    goes on from there. ``unknown`` says what becomes of words that the vocabulary does not have: "suppress"
    never produces the unknown token, "allow" may, and "copy" puts what it is aligned with in the source in
    its place; absent or None, that is as the model has it.
    ``wrapped`` says that a single line break inside a text is a space, as in a paragraph of fixed width; a
    blank line still ends a paragraph. ``sentences`` says whether the model gets a text sentence by sentence;
    absent or None, that is as the translator was opened. ``alignments`` asks for the source characters of
    every token (``TranslatedSegment.links``). ``detect`` warns of text that is surely in another language
    than the model translates from; it needs the extra "detect". ``glossary`` says how terms are translated.
    ``memory`` is asked before the model, and keeps what the model finds. ``similar`` is a percentage from 50:
    a segment that the memory does not have comes with the translation of one that is at least so like it
    (``TranslatedSegment.similar``). In a large memory that takes time.
    ``call`` says how urgent the text is and until when it is wanted, and can cancel it.
    """

    source: str | None
    to: str | None
    target_prefix: str | None
    unknown: Unknown | str | None
    wrapped: bool
    sentences: bool | None
    alignments: bool
    detect: bool
    glossary: Glossary | None
    memory: TranslationMemory | None
    similar: float | None
    call: Call | None


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """TranslationOptions, checked, over the model's own defaults."""

    search: SearchOptions
    source: str | None = None
    to: str | None = None
    retry: bool = True
    target_prefix: str = ""
    unknown: Unknown | None = None
    wrapped: bool = False
    sentences: bool | None = None
    alignments: bool = False
    detect: bool = False
    glossary: Glossary | None = None
    memory: TranslationMemory | None = None
    similar: float | None = None
    call: Call | None = None


def settings_of(defaults: SearchDefaults, options: TranslationOptions) -> Settings:
    """Raises OptionError for a value outside its range, TypeError for an unknown name or a wrong type."""
    for name, kind, how in _OBJECTS:
        if not isinstance(given := options.get(name), kind | None):
            raise TypeError(f"{name} = {given!r}: must be a {kind.__name__}; {how} gives one")
    if (similar := options.get("similar")) is not None:
        _checked("similar", similar)
        if options.get("memory") is None:
            raise OptionError("similar asks a translation memory: give one as memory=")
    unknown = options.get("unknown")
    sentences = options.get("sentences")
    for name in _SWITCHES:
        given = options.get(name, False)
        if not (isinstance(given, bool | np.bool_) or (name in _MAY_BE_NONE and given is None)):
            raise TypeError(f"{name} = {given!r}: must be True or False")
    search = {name: value for name, value in options.items() if name not in _BEYOND_SEARCH}
    return Settings(
        search_options(defaults, cast(SearchChanges, search)),
        source=options.get("source"),
        to=options.get("to"),
        retry=retries(options),
        target_prefix=options.get("target_prefix") or "",
        unknown=None if unknown is None else _choice(Unknown, "unknown", unknown),
        wrapped=bool(options.get("wrapped", False)),
        sentences=None if sentences is None else bool(sentences),
        alignments=bool(options.get("alignments", False)),
        detect=bool(options.get("detect", False)),
        glossary=options.get("glossary"),
        memory=options.get("memory"),
        similar=options.get("similar"),
        call=options.get("call"),
    )


def retries(options: SearchChanges) -> bool:
    """Whether what goes wrong is searched for again. A safer search lets nothing repeat, which a caller who
    states ``no_repeat_ngram`` 0 does not want."""
    stated = options.get("retry")
    return options.get("no_repeat_ngram") != 0 if stated is None else bool(stated)


RANGES: Final[dict[str, tuple[float, float]]] = {
    "beam": (1, MAX_BEAM),
    "nbest": (1, MAX_BEAM),
    "length_penalty": (0, MAX_LENGTH_PENALTY),
    "min_length": (0, MAX_POSITIONS),
    "max_length": (1, MAX_POSITIONS),
    "length_ratio": (0, MAX_LENGTH_RATIO),
    "no_repeat_ngram": (0, MAX_POSITIONS),
    "repetition_penalty": (MIN_REPETITION_PENALTY, MAX_REPETITION_PENALTY),
    "word_penalty": (-MAX_WORD_PENALTY, MAX_WORD_PENALTY),
    "similar": (50, 100),
}
"""The least and the most of each option."""
_BEYOND_SEARCH: Final = frozenset(TranslationOptions.__annotations__) - set(SearchChanges.__annotations__)
_SWITCHES: Final = ("wrapped", "sentences", "alignments", "detect", "retry")
_MAY_BE_NONE: Final = ("sentences", "retry")
_OBJECTS: Final = (
    ("source", str, 'the tag of a language, say "en",'),
    ("to", str, 'the tag of a language, say "de",'),
    ("target_prefix", str, 'text, say "Ein Mann",'),
    ("call", Call, "octavo.engine.Call(timeout=10)"),
    ("glossary", Glossary, 'octavo.terms.Glossary.read("terms.tsv")'),
    ("memory", TranslationMemory, 'octavo.memory.TranslationMemory.open("memory.db")'),
)
_WHOLE: Final = frozenset({"beam", "nbest", "min_length", "max_length", "no_repeat_ngram"})


def search_options(defaults: SearchDefaults, changes: SearchChanges) -> SearchOptions:
    """Lay the caller's changes over the model's defaults; ``retries`` says what becomes of ``retry``.

    Raises OptionError for a value outside its range, TypeError for an unknown name.
    """
    given = {name: value for name, value in changes.items() if value is not None and name != "retry"}
    if not given:
        return _defaults(defaults)
    return _changed(defaults, given)


@functools.cache
def _defaults(defaults: SearchDefaults) -> SearchOptions:
    return _changed(defaults, {})


def _changed(defaults: SearchDefaults, given: Mapping[str, object]) -> SearchOptions:
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


_Choice = TypeVar("_Choice", Stop, Unknown)


def _choice(kind: type[_Choice], name: str, value: object) -> _Choice:
    if value not in list(kind):
        raise OptionError(f"{name} = {value!r}: must be one of {', '.join(kind)}")
    return kind(str(value))


def _checked(name: str, value: object) -> object:
    if name == "stop":
        return _choice(Stop, name, value)
    if name not in RANGES:
        known = ", ".join(sorted(TranslationOptions.__annotations__))
        raise TypeError(f"unknown option {name!r}; known: {known}")
    least, most = RANGES[name]
    try:
        if name in _WHOLE:
            return whole_number(name, value, int(least), int(most))
        return real_number(name, value, least, most)
    except ValueError as error:
        raise OptionError(str(error)) from error

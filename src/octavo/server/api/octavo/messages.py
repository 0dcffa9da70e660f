"""What our own API reads and writes. The OpenAPI document is made of these."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from octavo.server.problems import Problem
from octavo.translation.options import RANGES

ItemT = TypeVar("ItemT")

Tag = Annotated[str, Meta(min_length=1, max_length=64)]
"""A language, as the models state it, such as "en"."""


Id = str | Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)] | None
"""A number is one that every program reads as it is."""


def _within(name: str) -> Meta:
    least, most = RANGES[name]
    return Meta(ge=least, le=most)


Beam = Annotated[int, _within("beam")]
Nbest = Annotated[int, _within("nbest")]
LengthPenalty = Annotated[float, _within("length_penalty")]
MinLength = Annotated[int, _within("min_length")]
MaxLength = Annotated[int, _within("max_length")]
LengthRatio = Annotated[float, _within("length_ratio")]
NoRepeatNgram = Annotated[int, _within("no_repeat_ngram")]
RepetitionPenalty = Annotated[float, _within("repetition_penalty")]
WordPenalty = Annotated[float, _within("word_penalty")]
TargetPrefix = Annotated[str, Meta(max_length=1000)]


class Item(Struct, forbid_unknown_fields=True):
    """One text to translate: ``text``, ``html`` or ``xml``, and only one of them. ``id`` comes back with the
    result."""

    id: Id = None
    text: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    xml: str | UnsetType = UNSET


class Options(Struct, forbid_unknown_fields=True):
    """Options of the search; those that are absent are the model's own. ``nbest`` is at most ``beam``, and
    lengths are in tokens of the target. ``retry`` false keeps a translation that went wrong, as
    ``no_repeat_ngram`` 0 does. ``target_prefix`` is what every translation begins with; ``unknown``
    "copy" puts source words in the place of unknown ones."""

    beam: Beam | None = None
    nbest: Nbest | None = None
    length_penalty: LengthPenalty | None = None
    min_length: MinLength | None = None
    max_length: MaxLength | None = None
    length_ratio: LengthRatio | None = None
    no_repeat_ngram: NoRepeatNgram | None = None
    retry: bool | None = None
    repetition_penalty: RepetitionPenalty | None = None
    word_penalty: WordPenalty | None = None
    stop: Literal["full", "heuristic", "exhaustive", "shrinking"] | None = None
    unknown: Literal["suppress", "allow", "copy"] | None = None
    target_prefix: TargetPrefix | None = None


GlossaryRow = Annotated[list[str], Meta(min_length=1, max_length=3)]


class TranslateRequest(Struct, Generic[ItemT], forbid_unknown_fields=True):
    """Items that are translated between two languages, with the same options.

    ``source`` null: the language of each item is found out. ``glossary`` has rows of a term, its translation
    and ``exact``, where only the same capital and small letters match. A term may come several times, and any
    of its translations will do; without one it stays as it is. ``alignments``: which characters of the source
    each token comes from, and ``segments``: which sentence each part, for items with ``text``, where a
    single model translates. ``sentences`` false: the model
    gets whole texts. ``ignored_tags`` are elements of HTML or XML that stay as they are. ``timeout`` is in
    seconds.
    """

    items: list[ItemT]
    target: Tag
    source: Tag | None = None
    options: Options | None = None
    glossary: Annotated[list[GlossaryRow], Meta(max_length=10_000)] | None = None
    alignments: bool = False
    segments: bool = False
    sentences: bool = True
    ignored_tags: list[str] = []
    priority: Literal["interactive", "normal", "bulk"] = "interactive"
    timeout: Annotated[float, Meta(gt=0)] | None = None


class AlternativeResult(Struct):
    """One of the n best translations: the best comes first. ``score`` is the log-probability over the length
    to the power of the length penalty; ``complete`` is false where the length limit cut it."""

    text: str
    score: float
    complete: bool


class LinkResult(Struct):
    """Characters of the translation, from ``start`` to before ``end``, and those of the source that they come
    from. ``weight`` is from 0 to 1."""

    source_start: int
    source_end: int
    start: int
    end: int
    weight: float


class SegmentResult(Struct):
    """A sentence, or a part of one that was too long: characters of the source, and those of the translation
    that they became. ``origin``: what translated it; "copy" has nothing to translate."""

    source_start: int
    source_end: int
    start: int
    end: int
    origin: Literal["model", "memory", "copy"]


class WarningResult(Struct):
    """A reason to look at a translation: ``code`` for programs, ``message`` for people."""

    code: str
    message: str


class ItemResult(Struct, omit_defaults=True):
    """What became of the item ``index`` (from 0): its translation, under the name that its text had, or an
    ``error``. ``source`` is the language of the text. ``score`` is that of a text; ``seconds`` is when it was
    done, from when the request was read."""

    index: int
    id: Id = None
    source: str | None = None
    text: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    xml: str | UnsetType = UNSET
    score: float | UnsetType = UNSET
    complete: bool | UnsetType = UNSET
    alternatives: list[AlternativeResult] | UnsetType = UNSET
    alignments: list[LinkResult] | UnsetType = UNSET
    segments: list[SegmentResult] | UnsetType = UNSET
    warnings: list[WarningResult] = []
    error: Problem | None = None
    seconds: float = 0.0


class Timings(Struct):
    """Seconds: ``waiting`` before the first text had a thread, ``translating`` from there to the last result,
    ``total`` from when the request was read."""

    waiting: float
    translating: float
    total: float


class TranslateResponse(Struct):
    """A result for each item, in their order."""

    results: list[ItemResult]
    timings: Timings


class ModelResult(Struct):
    """A pair of languages between which the service translates, and the name of the model. ``via``: the
    language between two models, where no single one translates between them. A model of several languages is
    one entry, with all its ``sources`` and ``targets``; a side that has several is "mul"."""

    source: str
    target: str
    name: str
    via: str | None = None
    sources: list[str] | UnsetType = UNSET
    targets: list[str] | UnsetType = UNSET


class ModelsResponse(Struct):
    """All pairs of languages."""

    models: list[ModelResult]


class LanguageResult(Struct):
    """A language, and those that it is translated into."""

    tag: str
    targets: list[str]


class LanguagesResponse(Struct):
    """All languages that are translated from or into."""

    languages: list[LanguageResult]


class DetectRequest(Struct, forbid_unknown_fields=True):
    """A text whose language is asked for."""

    text: Annotated[str, Meta(min_length=1)]


class DetectedResult(Struct):
    """A language, and how likely it is among those of the models, from 0 to 1."""

    language: str
    confidence: float


class DetectResponse(Struct):
    """The languages that the text may be in, the likeliest first."""

    languages: list[DetectedResult]


READ_REQUEST = msgspec.json.Decoder(TranslateRequest[msgspec.Raw])
READ_ITEM = msgspec.json.Decoder(Item)
READ_DETECT = msgspec.json.Decoder(DetectRequest)

"""The items of a request as jobs, and what became of them as results."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from octavo.engine import Priority
from octavo.errors import InputError
from octavo.server.api.octavo.messages import (
    READ_ITEM,
    AlternativeResult,
    Id,
    Item,
    ItemResult,
    LinkResult,
    SegmentResult,
    TranslateRequest,
    WarningResult,
)
from octavo.server.errors import FieldError, RequestError, ServiceError
from octavo.server.json_body import decoded
from octavo.server.problems import problem_of
from octavo.server.texts import Outcome
from octavo.server.work import Job, Markup
from octavo.terms import Entry, Glossary
from octavo.text.language_names import meant_tag
from octavo.translation import Translation, TranslationOptions, TranslationWarning

_MARKUPS: Final[tuple[Markup, ...]] = ("text", "html", "xml")
_ID: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ID_VALUE: Final[msgspec.json.Decoder[str | int | None]] = msgspec.json.Decoder(Id)


@dataclasses.dataclass(frozen=True)
class Place:
    """An item: where it stands in the request, and what its client calls it."""

    index: int
    id: str | int | None


@dataclasses.dataclass(frozen=True)
class Sheaf:
    """Items of one kind of markup, as one job; ``places`` are theirs. ``segments``: they are wanted."""

    job: Job
    places: Sequence[Place]
    segments: bool

    def result(self, index: int, outcome: Outcome, since: float) -> ItemResult:
        """What became of the text ``index`` of the job. ``since``: when the request was read."""
        place = self.places[index]
        if isinstance(outcome, ServiceError):
            return failed(place, outcome, since)
        result = ItemResult(
            place.index,
            place.id,
            outcome.source,
            warnings=[WarningResult(name, TranslationWarning[name].value) for name in outcome.warnings],
            seconds=_seconds(since),
        )
        setattr(result, self.job.markup, outcome.text)
        if self.job.markup == "text":
            self._add_to_text(result, self.job.texts[index], outcome.translations[0])
        return result

    def _add_to_text(self, result: ItemResult, text: str, translation: Translation) -> None:
        """What is known of a plain text. Behind two models, links and segments are of a text between them,
        and none are stated."""
        result.score = translation.score
        result.complete = translation.complete
        if len(translation.alternatives) > 1:
            result.alternatives = [
                AlternativeResult(each.text, each.score, each.complete) for each in translation.alternatives
            ]
        segments = translation.segments if translation.source == text else ()
        if self.job.alignments:
            result.alignments = [
                LinkResult(link.source_start, link.source_end, link.start, link.end, link.weight)
                for segment in segments
                for link in segment.links
            ]
        if self.segments:
            result.segments = [
                SegmentResult(each.source_start, each.source_end, each.start, each.end, each.origin.value)
                for each in segments
            ]


def sheaves(request: TranslateRequest[msgspec.Raw]) -> tuple[list[Sheaf], list[tuple[Place, ServiceError]]]:
    """The items by their markup, and those that are no items, each with its error.

    Raises RequestError for what is wrong with the request itself.
    """
    texts: dict[Markup, list[str]] = {markup: [] for markup in _MARKUPS}
    places: dict[Markup, list[Place]] = {markup: [] for markup in _MARKUPS}
    bad: list[tuple[Place, ServiceError]] = []
    for index, raw in enumerate(request.items):
        try:
            item = decoded(raw, READ_ITEM)
            markup, text = _content(item)
        except FieldError as error:
            where = error.field.replace("$", f"$.items[{index}]", 1)
            bad.append((Place(index, _id_of(raw)), FieldError(str(error), where)))
        except RequestError as error:
            bad.append((Place(index, _id_of(raw)), error))
        else:
            texts[markup].append(text)
            places[markup].append(Place(index, item.id))
    job = _job(request)
    found = [
        Sheaf(dataclasses.replace(job, texts=texts[markup], markup=markup), places[markup], request.segments)
        for markup in _MARKUPS
        if texts[markup]
    ]
    return found, bad


def failed(place: Place, error: ServiceError, since: float) -> ItemResult:
    """The result of an item that has none."""
    return ItemResult(place.index, place.id, error=problem_of(error), seconds=_seconds(since))


def _content(item: Item) -> tuple[Markup, str]:
    stated = [(markup, text) for markup in _MARKUPS if isinstance(text := getattr(item, markup), str)]
    if len(stated) != 1:
        raise FieldError(f"an item has one of text, html and xml; this one has {len(stated)}", "$")
    return stated[0]


def _id_of(raw: msgspec.Raw) -> str | int | None:
    """The id of what is not an item, where it has one."""
    try:
        return _ID_VALUE.decode(_ID.decode(raw)["id"])
    except (msgspec.DecodeError, KeyError, RecursionError):
        return None


def _job(request: TranslateRequest[msgspec.Raw]) -> Job:
    options = request.options
    search: TranslationOptions = {}
    if options is not None:
        search = {
            "beam": options.beam,
            "nbest": options.nbest,
            "length_penalty": options.length_penalty,
            "min_length": options.min_length,
            "max_length": options.max_length,
            "length_ratio": options.length_ratio,
            "no_repeat_ngram": options.no_repeat_ngram,
            "retry": options.retry,
            "repetition_penalty": options.repetition_penalty,
            "word_penalty": options.word_penalty,
            "stop": options.stop,
            "unknown": options.unknown,
            "target_prefix": options.target_prefix,
        }
    return Job(
        (),
        meant_tag(request.target),
        None if request.source is None else meant_tag(request.source),
        ignored_tags=tuple(request.ignored_tags),
        sentences=request.sentences,
        glossary=_glossary(request),
        alignments=request.alignments,
        search=search,
        priority=Priority[request.priority.upper()],
        timeout=request.timeout,
    )


def _glossary(request: TranslateRequest[msgspec.Raw]) -> Glossary | None:
    if not request.glossary:
        return None
    targets: dict[tuple[str, bool], list[str]] = {}
    for index, row in enumerate(request.glossary):
        term, translation, option = (*row, "", "")[:3]
        if option not in ("", "exact"):
            raise FieldError("the third column of a term is exact, or absent", f"$.glossary[{index}][2]")
        targets.setdefault((term, option == "exact"), []).extend([translation] if translation else [])
    try:
        entries = [
            Entry(term, tuple(dict.fromkeys(each)), exact_case=exact)
            for (term, exact), each in targets.items()
        ]
        return Glossary(entries, request.source or "")
    except InputError as error:
        raise FieldError(str(error), "$.glossary") from error


def _seconds(since: float) -> float:
    return round(time.perf_counter() - since, 6)

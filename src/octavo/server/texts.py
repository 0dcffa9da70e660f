"""The texts of a job through one model, or two, in a thread that may wait. Nothing here knows of HTTP."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast

from octavo.documents import DocumentError, DocumentOptions, Passage
from octavo.documents.fragments import Fragment, read_fragment
from octavo.engine import Call, DeadlineError, QueueFullError
from octavo.errors import ArgumentError
from octavo.languages import LanguageError
from octavo.server.errors import (
    BusyError,
    DeadlinePassedError,
    RequestError,
    ServiceError,
    TooLargeError,
    UnsupportedPairError,
)
from octavo.server.language_routes import refusal
from octavo.server.languages import ranked_languages
from octavo.server.model_pool import ModelPool
from octavo.server.work import Answer, Job
from octavo.terms import Entry, Glossary
from octavo.text.language_tags import primary_subtag
from octavo.text.parts import Part, plain
from octavo.translation import (
    Alternative,
    TranslatedPassage,
    Translation,
    TranslationOptions,
    TranslationWarning,
    Translator,
)

Outcome = Answer | ServiceError

_SHORT_TEXTS: Final = 4
_SHORT_CHARACTERS: Final = 1000

_OF_THE_WHOLE = ("nbest", "min_length", "max_length", "target_prefix")
"""Options that are about the translation itself: the model in front of another does not get them."""


@dataclasses.dataclass(frozen=True, slots=True)
class _PlainText:
    text: str
    wrapped: bool

    @property
    def passages(self) -> Sequence[Passage]:
        return (Passage((self.text,), "", self.wrapped),)

    def write_text(self, translations: Sequence[tuple[Part, ...] | None]) -> str:
        return "".join(part for parts in translations for part in parts or () if isinstance(part, str))


@dataclasses.dataclass(frozen=True, slots=True)
class TranslatedByRoute:
    """A passage behind the last model, and the warnings of all models."""

    last: TranslatedPassage
    warnings: frozenset[TranslationWarning]


def translate_texts(
    models: ModelPool, job: Job, texts: Sequence[str], call: Call, *, most_characters: int
) -> list[Outcome]:
    """What became of each of ``texts``, which are of ``job``, in their order.

    Those of more than ``most_characters``, that cannot be read, or that are in a language without a model
    have an error; the others are translated side by side. Raises ServiceError for what concerns all of them,
    and CancelledCallError.
    """
    outcomes: dict[int, Outcome] = {}
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        try:
            _check_length(text, most_characters)
            groups.setdefault(job.source or source_language(models, text, job.target), []).append(index)
        except ServiceError as error:
            outcomes[index] = error
    for source, indices in groups.items():
        if job.source is None and source == job.target:
            outcomes |= {index: _as_it_is(texts[index], source) for index in indices}
            continue
        read: dict[int, Fragment] = {}
        for index in indices:
            try:
                read[index] = _read(texts[index], source, job)
            except DocumentError as error:
                outcomes[index] = RequestError(str(error))
        try:
            outcomes |= _translated(models, job, source, read, call)
        except UnsupportedPairError as error:
            outcomes |= dict.fromkeys(indices, error)
    return [outcomes[index] for index in range(len(texts))]


def source_language(models: ModelPool, text: str, target: str) -> str:
    """The language that ``text`` is in, of those that are translated into ``target``, and ``target`` itself.
    Raises ServiceError."""
    sources = sources_of(models, target)
    ranked = ranked_languages(text, sources | {target})
    if sources.isdisjoint(tag for tag, _ in ranked):
        raise RequestError(f"no language that is translated into {target} can be found out: state the source")
    return ranked[0][0]


def sources_of(models: ModelPool, target: str) -> set[str]:
    """The languages that are translated into ``target``. Raises UnsupportedPairError where there are none."""
    language, routes = primary_subtag(target), models.languages
    into = (tag for tag in routes.targets if primary_subtag(tag) == language)
    sources = {source for tag in into for source in routes.sources_into(tag)}
    if not sources:
        raise UnsupportedPairError(refusal(routes, None, target))
    return sources


def through(
    route: Sequence[Translator], passages: Sequence[Passage], job: Job, call: Call
) -> Iterator[TranslatedByRoute]:
    """Passages through one translator after another, in their order. Marks follow their words each time."""
    first, *others = route
    _check_alignments(job, route[-1])
    steps = [(first, _options(job, call, job.glossary, last=not others))]
    steps += [(each, _options(job, call, _kept_targets(job.glossary), last=True)) for each in others]
    found: list[TranslatedPassage] = []
    warnings: list[set[TranslationWarning]] = [set() for _ in passages]
    for translator, options in steps:
        found = list(translator.passages(passages, **options))
        for each, passage in zip(warnings, found, strict=True):
            each.update(passage.translation.warnings)
        passages = [
            Passage(one.parts, passage.where, passage.wrapped)
            for one, passage in zip(found, passages, strict=True)
        ]
    for last, each in zip(found, warnings, strict=True):
        yield TranslatedByRoute(last, frozenset(each))


@contextmanager
def told_to_clients() -> Iterator[None]:
    """Turn what a translator refuses into what a client is told."""
    try:
        yield
    except (ArgumentError, DocumentError) as error:
        raise RequestError(str(error)) from error
    except DeadlineError as error:
        raise DeadlinePassedError from error
    except QueueFullError as error:
        raise BusyError("the engine has as much to do as it takes on; try again later", 1) from error


def is_short(job: Job, most_characters: int) -> bool:
    """Whether the job is little enough to be done in the event loop, but for the engine's part, and no text
    of it has more than ``most_characters``. Tokenizers normalize, which makes one character up to 18."""
    return (
        job.markup == "text"
        and job.source is not None
        and job.glossary is None
        and len(job.texts) <= _SHORT_TEXTS
        and sum(map(len, job.texts)) <= min(_SHORT_CHARACTERS, most_characters)
        and sum(len(unicodedata.normalize("NFKC", text)) for text in job.texts) <= _SHORT_CHARACTERS
    )


async def translate_short(models: ModelPool, job: Job, call: Call) -> list[Outcome] | None:
    """What ``translate_texts`` gives for a job that ``is_short``, awaited; None where that takes a thread,
    because a model has to be loaded, or there are two. Raises as it does."""
    source = job.source or ""
    with told_to_clients(), models.loaded_route(source, job.target) as translator:
        texts = [_PlainText(text, job.wrapped) for text in job.texts]
        if translator is None or any(_misstated(translator, text) for text in texts):
            return None
        _check_alignments(job, translator)
        passages = [passage for text in texts for passage in text.passages]
        options = _options(job, call, None, last=True)
        found = await translator.awaited_passages(passages, **options)
    return [
        Answer(
            one.translation.text,
            source,
            (one.translation,),
            tuple(warning.name for warning in one.translation.warnings),
        )
        for one in found
    ]


def _translated(
    models: ModelPool, job: Job, source: str, texts: dict[int, Fragment], call: Call
) -> dict[int, Outcome]:
    answers: dict[int, Outcome] = {}
    with told_to_clients(), models.route(source, job.target) as route:
        for index, text in texts.items():
            if error := _misstated(route[0], text):
                answers[index] = error
        texts = {index: text for index, text in texts.items() if index not in answers}
        passages = [passage for text in texts.values() for passage in text.passages]
        found = list(through(route, passages, job, call))
    at = 0
    for index, text in texts.items():
        mine = found[at : at + len(text.passages)]
        at += len(mine)
        warned = frozenset[TranslationWarning]().union(*(each.warnings for each in mine))
        answers[index] = Answer(
            text.write_text([each.last.parts for each in mine]),
            source,
            tuple(each.last.translation for each in mine),
            tuple(warning.name for warning in TranslationWarning if warning in warned),
        )
    return answers


def _misstated(translator: Translator, text: Fragment) -> RequestError | None:
    """What is wrong with the language that a text begins with."""
    languages = translator.model.languages
    if languages is None:
        return None
    try:
        for passage in text.passages:
            languages.stated(plain(passage.parts))
    except LanguageError as error:
        return RequestError(str(error))
    return None


def _check_alignments(job: Job, translator: Translator) -> None:
    if job.alignments and translator.model.alignment is None:
        raise RequestError("the model has no alignments: ask for a translation without them")


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise TooLargeError(f"a text may have {most} characters; this one has {len(text)}")


def _read(text: str, source: str, job: Job) -> Fragment:
    if job.markup == "text":
        return _PlainText(text, job.wrapped)
    options = DocumentOptions(
        source_language=source, target_language=job.target, ignored_tags=tuple(job.ignored_tags)
    )
    return read_fragment(text, job.markup, options)


def _as_it_is(text: str, language: str) -> Answer:
    same = Translation(text, (Alternative(text, 0.0, (), True),), (), False, 0)
    return Answer(text, language, (same,), ())


def _options(job: Job, call: Call, glossary: Glossary | None, *, last: bool) -> TranslationOptions:
    options = cast(TranslationOptions, {**job.search, "call": call, "sentences": job.sentences})
    if last:
        options["alignments"] = job.alignments
    else:
        for name in _OF_THE_WHOLE:
            options.pop(name, None)  # type: ignore[misc]
    if glossary is not None:
        options["glossary"] = glossary
    return options


def _kept_targets(glossary: Glossary | None) -> Glossary | None:
    """The glossary of a model behind another: the first one said the terms in the last language, where they
    stay as they are."""
    if glossary is None:
        return None
    targets = {target for entry in glossary.entries for target in entry.targets or (entry.source,)}
    return Glossary([Entry(target, exact_case=True) for target in sorted(targets)])

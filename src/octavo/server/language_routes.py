"""Which models lead from one language to another: one, or two by way of a third language."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from octavo.languages import MANY_LANGUAGES
from octavo.server.errors import UnsupportedPairError
from octavo.text.language_names import tags_of_like_names
from octavo.text.language_tags import distance, primary_subtag, shortest_tag

_FIRST_PIVOT: Final = "en"
_TAG: Final = re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_MOST_PAIRS: Final = 40
_MOST_TAGS: Final = 250
_LISTED_IN_LOG: Final = 20
_REMEMBERED: Final = 1024


class _Routed(Protocol):
    """A model: it translates from any of its sources to any of its targets that is another language."""

    @property
    def name(self) -> str: ...
    @property
    def sources(self) -> Sequence[str]: ...
    @property
    def targets(self) -> Sequence[str]: ...


ModelT = TypeVar("ModelT", bound=_Routed)


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Two languages that can be translated between, as models state their tags.

    ``name`` is the model's, or both models' with " + " between. ``via`` is the language between them, None
    for one model.
    """

    source: str
    target: str
    name: str
    via: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class ManyPairs:
    """A model between several languages: from each of ``sources`` to each other of ``targets``."""

    name: str
    sources: Sequence[str]
    targets: Sequence[str]

    @property
    def source(self) -> str:
        """The tag of that side, "mul" for several languages."""
        return self.sources[0] if len(self.sources) == 1 else MANY_LANGUAGES

    @property
    def target(self) -> str:
        """The tag of that side, "mul" for several languages."""
        return self.targets[0] if len(self.targets) == 1 else MANY_LANGUAGES


@dataclasses.dataclass(frozen=True, slots=True)
class Step(Generic[ModelT]):
    """A model on the way, and the tags of its own that it translates between."""

    model: ModelT
    source: str
    target: str


class LanguageRoutes(Generic[ModelT]):
    """The routes of a number of models. Of models that serve a request equally well the first is taken.

    A model between 200 languages has 40,000 pairs; none is made before it is asked for. ``sources`` and
    ``targets``: the tags that the models state.
    """

    def __init__(self, models: Sequence[ModelT]) -> None:
        self._models = tuple(models)
        self.sources = tuple(dict.fromkeys(tag for model in models for tag in model.sources))
        self.targets = tuple(dict.fromkeys(tag for model in models for tag in model.targets))
        self._ends = [(_by_language(model.sources), _by_language(model.targets)) for model in models]
        pivots = set(map(primary_subtag, self.sources)) & set(map(primary_subtag, self.targets))
        self._pivots = sorted(pivots, key=lambda tag: (tag != _FIRST_PIVOT, tag))
        self._found = functools.lru_cache(_REMEMBERED)(self._look_for)
        self.targets_from = functools.lru_cache(_REMEMBERED)(self._targets_from)
        self.sources_into = functools.lru_cache(_REMEMBERED)(self._sources_into)

    @property
    def tags(self) -> list[str]:
        """The tags of both sides, sorted."""
        return sorted({*self.sources, *self.targets})

    def find(self, source: str, target: str) -> tuple[Step[ModelT], ...]:
        """The model, or both of a pivot: English where that is possible, else the first by its tag.

        Raises UnsupportedPairError, which says what there is.
        """
        if found := self._found(source, target):
            return found
        raise UnsupportedPairError(refusal(self, source, target))

    def pairs(self) -> Iterator[Pair]:
        """Every pair once: first those of one model, in the order of the models, then those by a pivot."""
        seen: set[tuple[str, str]] = set()
        for model in self._models:
            for key in itertools.product(model.sources, model.targets):
                if key[0] != key[1] and key not in seen:
                    seen.add(key)
                    yield Pair(*key, model.name, None)
        yield from self._pivoted_pairs()

    def listed(self) -> Iterator[Pair | ManyPairs]:
        """The same for people, where a model of several languages is one entry."""
        seen: set[tuple[str, str]] = set()
        for model in self._models:
            if len(model.sources) * len(model.targets) > 1:
                yield ManyPairs(model.name, model.sources, model.targets)
                continue
            key = model.sources[0], model.targets[0]
            if key not in seen:
                seen.add(key)
                yield Pair(*key, model.name, None)
        yield from self._pivoted_pairs()

    def in_brief(self) -> list[str]:
        """The first of ``listed`` as "en-de", and how many more there are."""
        names = [f"{pair.source}-{pair.target}" for pair in self.listed()]
        more = len(names) - _LISTED_IN_LOG
        return [*names[:_LISTED_IN_LOG], f"and {more} more"] if more > 0 else names

    def _targets_from(self, source: str) -> tuple[str, ...]:
        """The targets of all pairs with this source, a tag of ``sources``."""
        pairs = ((source, target) for target in self.targets)
        return tuple(target for _, target in filter(self._is_pair, pairs))

    def _sources_into(self, target: str) -> tuple[str, ...]:
        """The sources of all pairs with this target, a tag of ``targets``."""
        pairs = ((source, target) for source in self.sources)
        return tuple(source for source, _ in filter(self._is_pair, pairs))

    def _is_pair(self, pair: tuple[str, str]) -> bool:
        direct = self._direct(*pair)
        if direct is None:
            return self._pivoted(*pair) is not None
        return (direct.source, direct.target) == pair

    def _look_for(self, source: str, target: str) -> tuple[Step[ModelT], ...]:
        direct = self._direct(source, target)
        return (direct,) if direct else self._pivoted(source, target) or ()

    def _pivoted_pairs(self) -> Iterator[Pair]:
        for source, target in itertools.product(self.sources, self.targets):
            if self._direct(source, target) is None and (steps := self._pivoted(source, target)):
                first, second = steps
                yield Pair(source, target, f"{first.model.name} + {second.model.name}", first.target)

    def _direct(self, source: str, target: str) -> Step[ModelT] | None:
        found: list[tuple[int, int, Step[ModelT]]] = []
        for number, (model, (sources, targets)) in enumerate(zip(self._models, self._ends, strict=True)):
            before, after = _nearest(sources, source), _nearest(targets, target)
            if before and after and before[1] != after[1]:
                found.append((before[0] + after[0], number, Step(model, before[1], after[1])))
        return min(found, key=lambda entry: entry[:2])[2] if found else None

    def _pivoted(self, source: str, target: str) -> tuple[Step[ModelT], Step[ModelT]] | None:
        ends = {primary_subtag(source), primary_subtag(target)}
        if len(ends) == 1:  # there and back again is no translation
            return None
        for pivot in self._pivots:
            if pivot not in ends:
                first, second = self._direct(source, pivot), self._direct(pivot, target)
                if first and second:
                    return first, second
        return None


def _by_language(tags: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in tags:
        found.setdefault(primary_subtag(tag), []).append(tag)
    return found


def _nearest(tags: dict[str, list[str]], wanted: str) -> tuple[int, str] | None:
    """The tag that serves the wanted one best, behind how far it is."""
    for asked in (wanted, shortest_tag(wanted)):
        related = tags.get(primary_subtag(asked), ())
        found = [(far, tag) for tag in related if (far := distance(asked, tag)) is not None]
        if found:
            return min(found, key=lambda entry: entry[0])
    return None


def refusal(routes: LanguageRoutes[Any], source: str | None, target: str) -> str:
    """Why there is no translation, of any language where ``source`` is None, and what there is: the pairs, or
    the languages where those are too many."""
    route = f"into {target}" if source is None else f"from {source} to {target}"
    reason = f"no model translates {route}{_did_you_mean(routes, source, target)}"
    if not all(_TAG.fullmatch(tag) for tag in (source, target) if tag is not None):
        reason = "a language is named by a tag such as en or pt-BR"
    known = [f"{pair.source}-{pair.target}" for pair in itertools.islice(routes.pairs(), _MOST_PAIRS + 1)]
    if len(known) <= _MOST_PAIRS:
        return f"{reason}; there are the pairs {', '.join(known)}"
    into = _nearest(_by_language(routes.targets), target)
    if into is None:
        return f"{reason}; there are the target languages {_listed(routes.targets)}"
    return f"{reason}; into {into[1]} there are the source languages {_listed(routes.sources_into(into[1]))}"


def _did_you_mean(routes: LanguageRoutes[Any], source: str | None, target: str) -> str:
    """A question, where a language is written almost as one that there is."""
    sides = ((source or "", routes.sources), (target, routes.targets))
    like = [
        tag for asked, tags in sides for tag in tags_of_like_names(asked) if _nearest(_by_language(tags), tag)
    ]
    return f" (did you mean {' or '.join(like)}?)" if like else ""


def _listed(tags: Sequence[str]) -> str:
    more = len(tags) - _MOST_TAGS
    return ", ".join(tags[:_MOST_TAGS]) + (f" and {more} more" if more > 0 else "")

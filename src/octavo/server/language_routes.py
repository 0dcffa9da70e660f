"""Which models lead from one language to another: one, or two by way of a third language."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

from octavo.server.errors import UnsupportedPairError
from octavo.text.language_tags import distance, primary_subtag

_FIRST_PIVOT: Final = "en"
_TAG: Final = re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_LISTED: Final = 40
_REMEMBERED: Final = 1024


class _OneWay(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...


ModelT = TypeVar("ModelT", bound=_OneWay)


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


class LanguageRoutes(Generic[ModelT]):
    """The routes of a number of models. Of models that serve a request equally well the first is taken."""

    def __init__(self, models: Sequence[ModelT]) -> None:
        self._models = tuple(models)
        sources = {primary_subtag(model.source) for model in models}
        pivots = sources & {primary_subtag(model.target) for model in models}
        self._pivots = sorted(pivots, key=lambda tag: (tag != _FIRST_PIVOT, tag))
        self._found = functools.lru_cache(_REMEMBERED)(self._look_for)

    def find(self, source: str, target: str) -> tuple[ModelT, ...]:
        """The model, or both of a pivot: English where that is possible, else the first by its tag.

        Raises UnsupportedPairError, which lists the pairs that there are.
        """
        if found := self._found(source, target):
            return found
        raise UnsupportedPairError(refusal(self.pairs(), source, target))

    def _look_for(self, source: str, target: str) -> tuple[ModelT, ...]:
        direct = self._direct(source, target)
        return (direct,) if direct else self._pivoted(source, target) or ()

    def pairs(self) -> list[Pair]:
        """Every pair once: first those of one model, in the order of the models, then those by a pivot."""
        return list(self._pairs)

    @functools.cached_property
    def _pairs(self) -> tuple[Pair, ...]:
        direct: dict[tuple[str, str], Pair] = {}
        for model in self._models:
            key = model.source, model.target
            direct.setdefault(key, Pair(*key, model.name, None))
        return (*direct.values(), *self._pivoted_pairs(set(direct)))

    def _pivoted_pairs(self, known: set[tuple[str, str]]) -> Iterator[Pair]:
        for source in dict.fromkeys(model.source for model in self._models):
            for target in dict.fromkeys(model.target for model in self._models):
                if (source, target) in known or self._direct(source, target):
                    continue
                if steps := self._pivoted(source, target):
                    first, second = steps
                    yield Pair(source, target, f"{first.name} + {second.name}", first.target)

    def _direct(self, source: str, target: str) -> ModelT | None:
        found: list[tuple[int, int, ModelT]] = []
        for number, model in enumerate(self._models):
            before, after = distance(source, model.source), distance(target, model.target)
            if before is not None and after is not None:
                found.append((before + after, number, model))
        return min(found, key=lambda entry: entry[:2])[2] if found else None

    def _pivoted(self, source: str, target: str) -> tuple[ModelT, ModelT] | None:
        ends = {primary_subtag(source), primary_subtag(target)}
        if len(ends) == 1:  # there and back again is no translation
            return None
        for pivot in self._pivots:
            if pivot not in ends:
                first, second = self._direct(source, pivot), self._direct(pivot, target)
                if first and second:
                    return first, second
        return None


def refusal(pairs: Sequence[Pair], source: str | None, target: str) -> str:
    """Why there is no translation, of any language where ``source`` is None, and which pairs there are."""
    known = [f"{pair.source}-{pair.target}" for pair in pairs]
    listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
    if not all(_TAG.fullmatch(tag) for tag in (source, target) if tag is not None):
        return f"a language is named by a tag such as en or pt-BR; there are the pairs {listed}"
    route = f"into {target}" if source is None else f"from {source} to {target}"
    return f"no model translates {route}; there are the pairs {listed}"

"""What a service's paths hold now: model directories, and directories of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from octavo.catalog.found import FoundModel, directories_of_models, holds_model
from octavo.errors import ModelError


@dataclasses.dataclass(frozen=True, slots=True)
class Scanned:
    """A place where a model is or should be. ``found`` is the model or what is wrong with it.

    ``named``: the service was told of this very place. Else it is in a directory of models. An error with a
    ``path`` that is no model directory is of a directory that cannot be read.
    """

    path: Path
    found: FoundModel | ModelError
    named: bool


def scan(paths: Sequence[Path]) -> Iterator[Scanned]:
    """The translation models of all paths, which are absolute: each place once, in the order of the paths,
    and by name within a directory.

    A language model in a directory of models is left out; one that was named is an error.
    """
    seen: set[Path] = set()
    for place in paths:
        for entry in _scan_place(place):
            if entry.path not in seen:
                seen.add(entry.path)
                yield entry


def _scan_place(place: Path) -> Iterator[Scanned]:
    try:
        if place.is_dir() and not holds_model(place):
            for path in directories_of_models(place):
                entry = _read(path, named=False)
                if not (isinstance(entry.found, FoundModel) and _is_language_model(entry.found)):
                    yield entry
            return
    except OSError as error:
        problem = ModelError(f"{place}: cannot read: {error.strerror or error}")
        yield Scanned(place, problem, named=True)
        return
    entry = _read(place, named=True)
    if isinstance(entry.found, FoundModel) and _is_language_model(entry.found):
        problem = ModelError(f"{place}: is a language model; a service needs translation models")
        entry = Scanned(place, problem, named=True)
    yield entry


def _read(path: Path, *, named: bool) -> Scanned:
    try:
        return Scanned(path, FoundModel.read(path), named)
    except ModelError as error:
        return Scanned(path, error, named)


def _is_language_model(found: FoundModel) -> bool:
    return found.description.config.is_language_model

"""Installed models by their names and their pairs of languages."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from octavo.artifact.boxed import boxed_model
from octavo.artifact.model_directory import WHAT_A_MODEL_IS
from octavo.catalog.found import FoundModel, directories_of_models, holds_model
from octavo.catalog.places import models_folder
from octavo.errors import ModelError
from octavo.text.language_tags import distance

_SEPARATORS: Final = tuple(filter(None, (os.sep, os.altsep)))


@dataclasses.dataclass(frozen=True, slots=True)
class Installed:
    """A model that has a name. ``found`` is its description, or what is wrong with it. ``boxed``: it comes
    with Octavo, and cannot be removed."""

    name: str
    path: Path
    found: FoundModel | ModelError
    boxed: bool = False


def installed() -> list[Installed]:
    """Every installed model by its name, and last the one in the box, where another has not its name.

    Raises ModelError where the folder of models cannot be read.
    """
    folder = models_folder()
    try:
        paths = directories_of_models(folder) if folder.exists() else []
    except OSError as error:
        raise ModelError(f"{folder}: cannot read the installed models: {error.strerror or error}") from error
    models = [_read(path, boxed=False) for path in paths]
    try:
        box = _read(boxed_model(), boxed=True)
    except ModelError:  # a build without it
        return models
    return models if any(model.name == box.name for model in models) else [*models, box]


def installed_paths() -> list[Path]:
    """Where a service finds every installed model: their folder, where there is one, and the model in the
    box."""
    folder = models_folder()
    folders = [folder] if folder.is_dir() else []
    try:
        return [*folders, boxed_model()]
    except ModelError:
        return folders


def _read(path: Path, *, boxed: bool) -> Installed:
    try:
        return Installed(path.name, path, FoundModel.read(path), boxed)
    except ModelError as error:
        return Installed(path.name, path, error, boxed)


def resolve(name: str | os.PathLike[str] | None) -> Path:
    """The directory of the model that is meant: None is the model in the box; else a path, the name of an
    installed model, or a pair of languages such as "en-de" or "en-pt-BR".

    What holds a path's separator is a path, and so is a directory of that name here that holds a model. A
    name comes before a pair. Raises ModelError, with the installed models, where nothing has that name, and
    where several models have that pair.
    """
    if name is None:
        return boxed_model()
    path = Path(name)
    text = os.fspath(name)
    if holds_model(path):
        return path
    if path.is_absolute() or any(separator in text for separator in _SEPARATORS):
        return path if len(path.parts) > 1 else path.absolute()  # "./en-de" must not become a name
    models = installed()
    for model in models:
        if model.name == text:
            return model.path
    if pair := _of_pair(text, models):
        return pair
    if path.exists():
        return path  # whoever opens it says what is wrong with it
    raise ModelError(
        f"{text}: no such model directory, and no model of that name or pair is installed; installed: "
        f"{_listed(models)}; `octavo models add PATH` (or URL) installs one, and {WHAT_A_MODEL_IS}"
    )


def _of_pair(text: str, models: Sequence[Installed]) -> Path | None:
    """The one model that serves the pair best. Those of several languages are only known by their names."""
    parts = text.replace("_", "-").split("-")
    splits = [("-".join(parts[:i]), "-".join(parts[i:])) for i in range(1, len(parts))]
    found: dict[int, list[Installed]] = {}
    for model in models:
        if isinstance(model.found, FoundModel) and model.found.has_one_pair:
            for source, target in splits:
                before, after = distance(source, model.found.source), distance(target, model.found.target)
                if before is not None and after is not None:
                    found.setdefault(before + after, []).append(model)
    if not found:
        return None
    best = found[min(found)]
    if len(best) > 1:
        names = ", ".join(model.name for model in best)
        raise ModelError(f"{text}: several installed models have this pair; say which: {names}")
    return best[0].path


def _listed(models: Sequence[Installed]) -> str:
    return (
        ", ".join(f"{model.name} (in the box)" if model.boxed else model.name for model in models) or "none"
    )

"""Models found on disk: each known by its description alone, before any tensor is read."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Final, Literal

from octavo.artifact.description import CONFIG_FILE, Description, fingerprint, read_description
from octavo.artifact.model_directory import check_directory
from octavo.languages import MANY_LANGUAGES
from octavo.model.scheme import Scheme
from octavo.text.language_tags import shortest_tag

_RUNS_IN: Final[dict[Scheme, Literal["float32", "int8", "integer"]]] = {
    Scheme.NONE: "float32",
    Scheme.INT8_DYNAMIC: "int8",
    Scheme.INT8: "int8",
    Scheme.INTEGER: "integer",
}


@dataclasses.dataclass(frozen=True, slots=True)
class FoundModel:
    """A model directory whose config.json is sound; nothing else of it has been looked at.

    ``name`` is that of the directory. ``fingerprint`` changes with whatever changes a translation.
    """

    name: str
    path: Path
    description: Description
    fingerprint: str

    @classmethod
    def read(cls, path: Path) -> FoundModel:
        """Raises ModelError, naming the file, the fault and the remedy."""
        path = absolute(path)
        check_directory(path)
        mark = fingerprint(path)
        return cls(path.name, path, read_description(path), mark)

    @property
    def source(self) -> str:
        """The tag of the language that it translates from, "en" where the model states "eng"."""
        return shortest_tag(self.description.source_language)

    @property
    def target(self) -> str:
        """The tag of the language that it translates to; of a language model the same."""
        return shortest_tag(self.description.target_language)

    @property
    def sources(self) -> tuple[str, ...]:
        """The tags of all languages that it translates from."""
        languages = self.description.languages
        if languages is not None and (languages.needs_source or self.source == MANY_LANGUAGES):
            return languages.tags
        return (self.source,)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tags of all languages that it translates to."""
        languages = self.description.languages
        if languages is not None and (languages.needs_target or self.target == MANY_LANGUAGES):
            return languages.tags
        return (self.target,)

    @property
    def has_one_pair(self) -> bool:
        """Whether it translates from one language to one other."""
        one = len(self.sources) == len(self.targets) == 1
        return one and not self.description.config.is_language_model

    @property
    def precision(self) -> Literal["float32", "int8", "integer"]:
        """The arithmetic that it is stored for, and runs in unless it is told otherwise."""
        return _RUNS_IN[self.description.scheme]

    @property
    def bytes(self) -> int:
        """The size of the files that config.json names."""
        return sum(entry.bytes for entry in self.description.files)


def absolute(path: Path) -> Path:
    """The path from the root, without "..". A link stays: its name is the model's, and it may be changed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.resolve would follow it)


def holds_model(path: Path) -> bool:
    """Whether the path is a directory that means to be a model."""
    return (path / CONFIG_FILE).exists()


def directories_of_models(folder: Path) -> list[Path]:
    """The model directories in a folder, by name. Names that begin with "." are work under way.

    Raises OSError.
    """
    return [
        entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".") and holds_model(entry)
    ]

"""The families of models that are read, one file each, found by themselves.

A file has ``NAME``, for people; ``detect(path)``, which says cheaply, and without raising, whether the
directory or file is of this family; and ``read(path)``, which raises ConversionError. No path is of two.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from octavo.conversion.described import Described


class Family(Protocol):
    """What a file here offers."""

    NAME: str

    def detect(self, path: Path) -> bool:
        """Whether ``path`` is a model of the family."""

    def read(self, path: Path) -> Described:
        """The model at ``path``. Raises ConversionError."""


@functools.cache
def families() -> Sequence[Family]:
    """All of them, in the order of their files' names."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [cast(Family, importlib.import_module(f"{__name__}.{name}")) for name in found]


def names() -> list[str]:
    """What the families are called."""
    return [family.NAME for family in families()]


def family_of(path: Path) -> Family | None:
    """The family of the model at ``path``, or None."""
    return next((family for family in families() if family.detect(path)), None)

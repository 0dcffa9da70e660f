"""What a training program was told, as its checkpoints keep it."""

from __future__ import annotations

import argparse
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_sources.torch_pickle import Stub

Choice = TypeVar("Choice")


class Options:
    """Values by name, of a dict, an ``argparse.Namespace`` or an omegaconf object of the file ``path``.

    Each method raises ConversionError, naming file and option, for a value of another kind.
    """

    def __init__(self, path: Path, stated: Any) -> None:
        self.path = path
        self._values: Mapping[str, Any] = _values(stated)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, ``default`` where there is none or it is None."""
        value = _plain(self._values.get(name))
        return default if value is None else value

    def part(self, name: str) -> Options:
        """The options under a name; none where there are none."""
        return Options(self.path, self.get(name, {}))

    def count(self, name: str, default: int | None = None) -> int:
        """A positive whole number."""
        value = self.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConversionError(
                f"{self.path}: {name} = {reprlib.repr(value)}: expected a positive whole number"
            )
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false; 0 and 1 count as such."""
        value = self.get(name, default)
        if value not in (True, False):
            raise ConversionError(f"{self.path}: {name} = {reprlib.repr(value)}: expected true or false")
        return bool(value)

    def text(self, name: str, default: str) -> str:
        """A text."""
        value = self.get(name, default)
        if not isinstance(value, str):
            raise ConversionError(f"{self.path}: {name} = {reprlib.repr(value)}: expected a text")
        return value

    def fraction(self, name: str, default: float) -> float:
        """A number between 0 and 1."""
        value = self.get(name, default)
        if not isinstance(value, float) or not 0 < value < 1:
            raise ConversionError(
                f"{self.path}: {name} = {reprlib.repr(value)}: expected a number between 0 and 1"
            )
        return value

    def choice(self, name: str, default: str, known: Mapping[str, Choice]) -> Choice:
        """What one of the known texts stands for."""
        value = self.text(name, default)
        if value not in known:
            raise ConversionError(
                f"{self.path}: {name} = {reprlib.repr(value)}: must be one of {', '.join(known)}"
            )
        return known[value]

    def refuse(self, *names: str) -> None:
        """Refuse options that ask for what octavo's models have not, where they are set."""
        for name in names:
            if value := self.get(name):
                raise ConversionError(
                    f"{self.path}: {name} = {reprlib.repr(value)}: octavo has no such models"
                )


def _values(stated: Any) -> Mapping[str, Any]:
    stated = _plain(stated)
    if isinstance(stated, argparse.Namespace):
        return vars(stated)
    return stated if isinstance(stated, dict) else {}


def _plain(value: Any) -> Any:
    """What an omegaconf object holds; anything else as it is."""
    if isinstance(value, Stub) and isinstance(value.state, dict):
        return value.state.get("_content", value.state.get("_val", value))
    return value

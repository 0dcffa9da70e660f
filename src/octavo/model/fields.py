"""Dataclasses from plain values, as JSON has them, without any coercion."""

from __future__ import annotations

import dataclasses
import enum
import reprlib
from collections.abc import Mapping
from typing import Any, TypeVar, get_origin, get_type_hints

from octavo.model.errors import SpecError

Fields = TypeVar("Fields")
Mark = TypeVar("Mark")


@dataclasses.dataclass(frozen=True, slots=True)
class Between:
    """The limits of a number, in a field's annotation: ``Annotated[int, Between(1, 4)]``."""

    least: int
    most: int

    def check(self, key: str, value: float) -> None:
        """Raises SpecError, naming the key. NaN is within no limits."""
        if not self.least <= value <= self.most:
            raise SpecError(f"{key} = {value}: must be from {self.least} to {self.most}")


def from_mapping(cls: type[Fields], values: Mapping[str, Any]) -> Fields:
    """A dataclass from the values of its fields; those with a default may be left out.

    Fields are bool, int, float, tuples of int and enumerations. Raises SpecError, naming the key, for a key
    that is unknown or missing and a value of another type.
    """
    if not isinstance(values, Mapping):
        raise SpecError(f"expected an object, found {type(values).__name__}")
    kinds = types_of(cls)
    if unknown := sorted(set(values) - set(kinds)):
        raise SpecError(f"unknown key {reprlib.repr(unknown[0])}; known keys: {', '.join(kinds)}")
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    required = (f.name for f in fields if f.default is dataclasses.MISSING)
    if missing := [name for name in required if name not in values]:
        raise SpecError(f"missing key {missing[0]!r}")
    return cls(**{key: _converted(key, kinds[key], value) for key, value in values.items()})


def types_of(cls: type) -> dict[str, Any]:
    """The type of each field of a dataclass, in order."""
    return get_type_hints(cls)


def marks_of(cls: type, kind: type[Mark]) -> dict[str, Mark]:
    """What the annotations of a dataclass's fields say of one kind, for the fields that say something."""
    hints = get_type_hints(cls, include_extras=True)
    found = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: mark for name, marks in found.items() for mark in marks if isinstance(mark, kind)}


def _converted(key: str, kind: Any, value: Any) -> Any:
    """A JSON value as the type that the field declares."""
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_converted(key, int, item) for item in value)
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum) and isinstance(value, str):
        choices = [str(member) for member in kind]
        if value not in choices:
            raise SpecError(f"{key} = {reprlib.repr(value)}: must be one of {', '.join(choices)}")
        return kind(value)
    name = kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else kind
    raise SpecError(f"{key} = {reprlib.repr(value)}: expected {name}")

"""Reports as JSON: UTF-8, and no number that JSON does not have."""

from __future__ import annotations

import json
from typing import Any

from octavo.errors import OutputError


def print_json(report: dict[str, Any]) -> None:
    """Print an indented object. Raises OutputError for a number that is not finite."""
    print(encoded(report, indent=2))


def encoded(value: dict[str, Any], *, indent: int | None = None) -> str:
    """The JSON text of an object, on one line without ``indent``. Raises OutputError like ``print_json``."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise OutputError(
            "a figure is not finite, and JSON holds no such number: leave --json out"
        ) from error

"""JSON objects read strictly: bounded size, no repeated key, no NaN, no giant number, no half characters."""

from __future__ import annotations

import json
import math
import reprlib
from pathlib import Path
from typing import Any, Final

from octavo.errors import ModelError
from octavo.regular_file import LFS_POINTER, is_lfs_pointer, read_regular

_MAX_BYTES: Final = 1024 * 1024
_MAX_INT_DIGITS: Final = 18


def read_json_object(path: Path) -> dict[str, Any]:
    """The object a JSON file holds. Raises ModelError, naming the file and what is wrong with it."""
    try:
        data = read_regular(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: missing; the model is incomplete, copy it again as a whole") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise ModelError(f"{path}: larger than {_MAX_BYTES} bytes; not a file that octavo wrote")
    if is_lfs_pointer(path):
        raise ModelError(f"{path}: {LFS_POINTER}")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_no_constant,
        )
        _check_text(value)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}); copy the file again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: must hold a JSON object, holds {type(value).__name__}")
    return value


def encode_json(value: dict[str, Any]) -> bytes:
    """Indented UTF-8 JSON with a newline at its end. Raises ValueError for NaN and infinities."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {reprlib.repr(twice)} appears twice")
    return found


def _bounded_int(digits: str) -> int:
    if len(digits) > _MAX_INT_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{reprlib.repr(digits)} is more than a number can be")
    return number


def _check_text(value: Any) -> None:
    """Raise UnicodeEncodeError for a lone surrogate, which JSON can spell and no file can hold."""
    json.dumps(value, ensure_ascii=False).encode("utf-8")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")

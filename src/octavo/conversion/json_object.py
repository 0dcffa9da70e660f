"""JSON files as other programs write them: objects of any keys and any numbers, of bounded size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from octavo.conversion.errors import ConversionError
from octavo.regular_file import read_regular

_MAX_BYTES: Final = 64 * 1024 * 1024


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file. Raises ConversionError, naming the file, where there is none."""
    try:
        data = read_regular(path, _MAX_BYTES)
        if len(data) > _MAX_BYTES:
            raise ConversionError(
                f"{path}: larger than {_MAX_BYTES} bytes, so it is not the file it should be"
            )
        value = json.loads(data.decode("utf-8"))
    except FileNotFoundError as error:
        raise ConversionError(f"{path}: missing; copy the whole model directory") from error
    except OSError as error:
        raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{path}: not valid JSON ({error}); copy the file again") from error
    if not isinstance(value, dict):
        raise ConversionError(f"{path}: must hold a JSON object, holds {type(value).__name__}")
    return value


def read_object_if_there(path: Path) -> dict[str, Any]:
    """The same, or {} where there is no such file."""
    return read_object(path) if path.exists() else {}

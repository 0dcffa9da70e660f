"""Directories of CTranslate2: models of Marian, OpenNMT, fairseq, M2M-100, NLLB, mBART-50 and T5."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from octavo.conversion.ctranslate2.model import describe
from octavo.conversion.ctranslate2.settings import MODEL_FILE
from octavo.conversion.described import Described
from octavo.conversion.tensor_sources.ctranslate2_file import LATEST_VERSION
from octavo.regular_file import read_regular

NAME: Final = "CTranslate2 (directory with model.bin)"

_HEAD: Final = struct.Struct("<IH4s")
_LONGEST_NAME: Final = 64


def detect(path: Path) -> bool:
    """Whether it is a directory with a model.bin that begins with a version and a name, or that file."""
    file = path if path.name == MODEL_FILE and path.is_file() else path / MODEL_FILE
    try:
        head = read_regular(file, _HEAD.size - 1)
    except OSError:
        return False
    if len(head) < _HEAD.size:
        return False
    version, length, letters = _HEAD.unpack(head)
    return bool(2 <= version <= LATEST_VERSION and 4 < length < _LONGEST_NAME and letters.isalpha())


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    return describe(path.parent if path.is_file() else path)

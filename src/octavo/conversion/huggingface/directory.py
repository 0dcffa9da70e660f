"""A Hugging Face model directory: its files, what class it is of, its name and its languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.conversion.described import UNDETERMINED
from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object, read_object_if_there

CONFIG_FILE: Final = "config.json"
GENERATION_FILE: Final = "generation_config.json"
TOKENIZER_FILE: Final = "tokenizer_config.json"
SOURCE_PIECES: Final = "source.spm"
TARGET_PIECES: Final = "target.spm"
ADDED_TOKENS_FILE: Final = "added_tokens.json"
SPECIAL_TOKENS_FILE: Final = "special_tokens_map.json"
WHOLE_TOKENIZER_FILE: Final = "tokenizer.json"
PIECES: Final = "sentencepiece.bpe.model"
VOCABULARY_FILE: Final = "vocab.json"
TARGET_VOCABULARY_FILE: Final = "target_vocab.json"

_OPUS_NAME: Final = re.compile(r"opus-mt-(?:tc-(?:big|base|bible-big)-)?([a-zA-Z_]+)-([a-zA-Z_]+)$")
_CACHED: Final = re.compile(r"models--(?:.+--)?(.+)")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


def stated_class(config: Mapping[str, Any]) -> str | None:
    """The class that config.json says the model is of, or, where it says none, its model_type."""
    classes = config.get("architectures")
    stated = classes[0] if isinstance(classes, list) and classes else config.get("model_type")
    return stated if isinstance(stated, str) else None


def class_of(path: Path, classes: Mapping[str, str]) -> str | None:
    """Which of the classes the directory is of, or None. ``classes`` has the model_type of each."""
    try:
        stated = stated_class(read_object(path / CONFIG_FILE)) if path.is_dir() else None
    except ConversionError:
        return None
    by_type = {model_type: name for name, model_type in classes.items()}
    return stated if stated in classes else by_type.get(stated or "")


def model_name(directory: Path) -> str:
    """The model's own name: that of its directory, or, in a cache of downloads, what the cache calls it."""
    directory = directory.resolve()
    cached = _CACHED.fullmatch(directory.parent.parent.name)
    return cached[1] if cached and directory.parent.name == "snapshots" else directory.name


def language_tags(directory: Path) -> tuple[str, str]:
    """What tokenizer_config.json says, else the directory's name, else undetermined."""
    settings = read_object_if_there(directory / TOKENIZER_FILE)
    named = _OPUS_NAME.search(model_name(directory))
    guesses = named.groups() if named else (None, None)
    found = []
    for key, guess in zip(("source_lang", "target_lang"), guesses, strict=True):
        found.append(as_language_tag(settings.get(key) or guess) or UNDETERMINED)
    return found[0], found[1]


def as_language_tag(stated: object) -> str | None:
    """What is stated as a language, as a tag; None where it is none."""
    tag = str(stated or "").replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None

"""config.json and the vocabularies of a CTranslate2 directory; what older files say in model.bin instead.

Source: CTranslate2 4.8, src/models/sequence_to_sequence.cc and src/vocabulary.cc.
"""

from __future__ import annotations

import dataclasses
import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.conversion.token_lists import TokenList
from octavo.model.limits import MAX_VOCABULARY
from octavo.regular_file import read_regular

CONFIG_FILE: Final = "config.json"
MODEL_FILE: Final = "model.bin"

_MAX_BYTES: Final = 64 * 1024 * 1024
_VERSION_WITH_CONFIG: Final = 6
_SHARED: Final = "shared_vocabulary"
_SOURCE: Final = "source_vocabulary"
_TARGET: Final = "target_vocabulary"
VOCABULARY_FILES: Final = tuple(
    f"{name}{ending}" for name in (_SHARED, _SOURCE, _TARGET) for ending in (".json", ".txt")
)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the directory says beside its weights. ``start`` is None where callers give the first token."""

    path: Path
    source: TokenList
    target: TokenList
    unknown: str
    bos: str
    eos: str
    start: str | None
    add_source_bos: bool
    add_source_eos: bool
    layer_norm_epsilon: float | None

    @classmethod
    def read(cls, directory: Path, file: CTranslate2File) -> Settings:
        """Read them. Raises ConversionError, naming file and key."""
        path = directory / CONFIG_FILE
        values = read_object(path) if file.version >= _VERSION_WITH_CONFIG else _from_variables(file)
        if values.get("quantization_type") not in (None, 0):
            raise ConversionError(
                f"{path}: quantization_type = {reprlib.repr(values['quantization_type'])}: weights of 4 bits "
                "are not read; convert the model with quantization int8, or none"
            )
        unknown = _name(path, values, "unk_token", "<unk>")
        source, target = _vocabularies(directory, unknown)
        start = values.get("decoder_start_token", "<s>")
        return cls(
            path=path if file.version >= _VERSION_WITH_CONFIG else file.path,
            source=source,
            target=target,
            unknown=unknown,
            bos=_name(path, values, "bos_token", "<s>"),
            eos=_name(path, values, "eos_token", "</s>"),
            start=None if start is None else _name(path, values, "decoder_start_token", "<s>"),
            add_source_bos=_flag(path, values, "add_source_bos"),
            add_source_eos=_flag(path, values, "add_source_eos"),
            layer_norm_epsilon=_epsilon(path, values),
        )


def _from_variables(file: CTranslate2File) -> dict[str, Any]:
    """The same settings, as model.bin has them before version 6."""
    names = {key: file.text(key, default) for key, default in _NAMES.items()}
    user, bos = file.number("user_decoder_start_tokens", 0), file.number("with_target_bos", 1)
    return {
        **names,
        "add_source_bos": bool(file.number("with_source_bos", 0)),
        "add_source_eos": bool(file.number("with_source_eos", 0)),
        "decoder_start_token": None if user else names["bos_token" if bos else "eos_token"],
    }


_NAMES: Final = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


def _name(path: Path, values: Mapping[str, Any], key: str, default: str) -> str:
    value = values.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or not value:
        raise ConversionError(f"{path}: {key} = {reprlib.repr(value)}: expected a token")
    return value


def _flag(path: Path, values: Mapping[str, Any], key: str) -> bool:
    value = values.get(key, False)
    if not isinstance(value, bool):
        raise ConversionError(f"{path}: {key} = {reprlib.repr(value)}: expected true or false")
    return value


def _epsilon(path: Path, values: Mapping[str, Any]) -> float | None:
    value = values.get("layer_norm_epsilon")
    if value is None:
        return None
    if not isinstance(value, float) or not 0 < value < 1:
        raise ConversionError(
            f"{path}: layer_norm_epsilon = {reprlib.repr(value)}: expected a number between 0 and 1"
        )
    return value


def _vocabularies(directory: Path, unknown: str) -> tuple[TokenList, TokenList]:
    shared = _vocabulary(directory, _SHARED, unknown)
    if shared:
        return shared, shared
    target = _vocabulary(directory, _TARGET, unknown)
    source = _vocabulary(directory, _SOURCE, unknown)
    if source and target:
        return source, target
    if target and _vocabulary(directory, "source_1_vocabulary", unknown):
        raise ConversionError(
            f"{directory}: the source's tokens have features, each with its vocabulary; octavo has no such "
            "models"
        )
    missing = _TARGET if source else _SHARED if not target else _SOURCE
    raise ConversionError(
        f"{directory / missing}.json: missing, and {missing}.txt too; copy the whole model directory"
    )


def _vocabulary(directory: Path, name: str, unknown: str) -> TokenList | None:
    """The tokens in a file of that name, .json or .txt; None where there is none."""
    for ending, read in ((".json", _from_json), (".txt", lambda _, text: _from_lines(text))):
        path = directory / f"{name}{ending}"
        if path.exists():
            tokens = read(path, _text(path))
            if unknown not in tokens:
                tokens.append(unknown)
            if len(tokens) > MAX_VOCABULARY:
                raise ConversionError(f"{path}: has {len(tokens)} tokens; at most {MAX_VOCABULARY} are read")
            return TokenList(path, tuple(tokens))
    return None


def _text(path: Path) -> str:
    try:
        data = read_regular(path, _MAX_BYTES)
        if len(data) > _MAX_BYTES:
            raise ConversionError(f"{path}: larger than {_MAX_BYTES} bytes, so it is no vocabulary")
        return data.decode("utf-8")
    except OSError as error:
        raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConversionError(
            f"{path}: not UTF-8 ({error.reason} at byte {error.start}); copy it again"
        ) from error


def _from_json(path: Path, text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{path}: not valid JSON ({error}); copy the file again") from error
    if not isinstance(found, list) or not all(isinstance(token, str) for token in found):
        raise ConversionError(f"{path}: must hold a list of tokens")
    return found


def _from_lines(text: str) -> list[str]:
    """A token a line; a carriage return at the end counts as a part of it unless every line has one."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if lines and all(line.endswith("\r") for line in lines):
        lines = [line[:-1] for line in lines]
    return lines

"""Packages of Argos Translate and LibreTranslate: .argosmodel files, and folders that they are installed as.

Source: argos-translate 1.9, package.py, tokenizer.py and translate.py.
"""

from __future__ import annotations

import dataclasses
import reprlib
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo import interrupt
from octavo.conversion.ctranslate2.model import describe
from octavo.conversion.ctranslate2.settings import CONFIG_FILE, MODEL_FILE, VOCABULARY_FILES
from octavo.conversion.ctranslate2.vocabulary_map import VOCABULARY_MAP_FILE
from octavo.conversion.described import UNDETERMINED, Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import as_language_tag
from octavo.conversion.json_object import read_object
from octavo.languages import TARGET, Languages
from octavo.model.errors import SpecError
from octavo.model.search import SearchDefaults

NAME: Final = "Argos Translate and LibreTranslate (.argosmodel)"

_METADATA: Final = "metadata.json"
_PIECES: Final = "sentencepiece.model"
_BPE: Final = "bpe.model"
_MODEL: Final = "model"
_READ: Final = (
    *(_METADATA, _PIECES, _BPE),
    *(f"{_MODEL}/{name}" for name in (MODEL_FILE, CONFIG_FILE, VOCABULARY_MAP_FILE, *VOCABULARY_FILES)),
)
"""What of a package is read, by its place in the package's folder."""

_SEARCH: Final = SearchDefaults(beam=4, length_penalty=0.2, length_ratio=4.0, length_margin=32)
_CHUNK_BYTES: Final = 1 << 20
_MOST_SHRUNK: Final = 200
"""A member that unpacks to more than so many times its bytes is no file of a model."""


def detect(path: Path) -> bool:
    """Whether it is a package, or the folder of an installed one."""
    if path.is_dir():
        return (path / _METADATA).is_file() and (path / _MODEL).is_dir()
    try:
        if not path.is_file() or not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.count("/") == 1 and name.endswith(f"/{_METADATA}") for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def read(path: Path) -> Described:
    """The model. Raises ConversionError."""
    if path.is_dir():
        return _read_folder(path, path)
    folder = Path(tempfile.mkdtemp(prefix="octavo-argos-"))
    try:
        _unpack(path, folder)
        described = _read_folder(folder, path)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, ConversionError):  # a path in the package, for one in the folder that is gone
            raise ConversionError(str(error).replace(str(folder), str(path))) from error
        raise
    # The weights are read later, from there.
    weakref.finalize(described.tensors, shutil.rmtree, folder, ignore_errors=True)
    return described


def _unpack(path: Path, folder: Path) -> None:
    """Write what is read of a package into ``folder``, under names of our own."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive)
            (folder / _MODEL).mkdir()
            for name, member in members.items():
                _unpack_member(archive, member, folder / name)
    except ConversionError:
        raise
    except Exception as error:  # each way to compress has errors of its own
        raise ConversionError(f"{path}: cannot unpack ({error}); copy the package again") from error


def _members(path: Path, archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """The members that are read, by their place in the one folder that has metadata.json."""
    found: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in archive.infolist():
        folder, _, name = member.filename.partition("/")
        if name not in _READ:
            continue
        if name in found.setdefault(folder, {}):
            raise ConversionError(f"{path}: holds {name} twice; it is damaged, or made to deceive")
        found[folder][name] = member
    packages = [members for members in found.values() if _METADATA in members]
    if len(packages) != 1:
        raise ConversionError(f"{path}: holds {len(packages)} folders with {_METADATA}; a package has one")
    for name, member in packages[0].items():
        if member.file_size > _MOST_SHRUNK * member.compress_size + _CHUNK_BYTES:
            raise ConversionError(
                f"{path}: {name} unpacks from {member.compress_size} bytes to {member.file_size}; no file of "
                "a model does"
            )
        if member.flag_bits & 1:
            raise ConversionError(f"{path}: {name} is encrypted; packages are not")
    return packages[0]


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    with archive.open(member) as source, target.open("wb") as stream:
        left = member.file_size
        while chunk := source.read(min(_CHUNK_BYTES, left)):
            interrupt.check()
            stream.write(chunk)
            left -= len(chunk)


def _read_folder(folder: Path, path: Path) -> Described:
    metadata = read_object(folder / _METADATA)
    kind = metadata.get("type", "translate")
    if kind != "translate":
        raise ConversionError(
            f"{path}: is a package of type {reprlib.repr(kind)}; those that translate are read"
        )
    if not (folder / _PIECES).is_file():
        raise _without_pieces(folder, path)
    described = describe(folder / _MODEL, (folder / _PIECES, folder / _PIECES), pieces_alone=True)
    return dataclasses.replace(
        described,
        search=_SEARCH,
        name=path.stem if path.is_file() else path.resolve().name,
        source_language=as_language_tag(metadata.get("from_code")) or UNDETERMINED,
        target_language=as_language_tag(metadata.get("to_code")) or UNDETERMINED,
        languages=_languages(path, metadata, described),
    )


def _without_pieces(folder: Path, path: Path) -> ConversionError:
    if (folder / _BPE).is_file():
        return ConversionError(
            f"{path}: its text is cut by {_BPE}, subword-nmt's rules after Moses' tokenizer, which no "
            f"sentencepiece file can express; take a newer package of the pair, one with {_PIECES}"
        )
    return ConversionError(f"{path}: has no {_PIECES}; copy the package again")


def _languages(path: Path, metadata: Mapping[str, Any], described: Described) -> Languages | None:
    """The token that translations are forced to begin with, where the package states one."""
    prefix = metadata.get("target_prefix") or ""
    if prefix == "":
        return None
    names = [piece.text for piece in described.target_pieces.pieces[: described.config.target_vocab_size]]
    if not isinstance(prefix, str) or prefix not in names:
        raise ConversionError(
            f"{path}: target_prefix = {reprlib.repr(prefix)}: the vocabulary has no such token"
        )
    try:
        return Languages({prefix: names.index(prefix)}, forced=(TARGET,), default_target=prefix)
    except SpecError as error:
        raise ConversionError(f"{path}: target_prefix: {error}") from error

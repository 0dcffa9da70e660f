"""Which files make a model of Marian: the model, its vocabularies, a shortlist and the settings of a search.

Directories are Marian's own (``model.npz``, ``vocab.spm``), OPUS-MT's (``decoder.yml``, a vocabulary in YAML,
``source.spm`` and ``target.spm``) and Firefox's (``model.ende.intgemm.alphas.bin``, ``vocab.ende.spm``,
``lex.50.50.ende.s2t.bin``, each perhaps with ``.gz``).
"""

from __future__ import annotations

import dataclasses
import fnmatch
import gzip
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from reprlib import repr as short
from typing import Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.marian.yaml import Value, read_yaml
from octavo.conversion.tensor_sources.marian_bin import VERSION

SETTINGS: Final = "special:model.yml"

DECODER: Final = "decoder.yml"

_DECODERS: Final = (DECODER, "config*.yml")
_MODELS: Final = ("*.npz", "*.bin")
_NOT_MODELS: Final = ("*.optimizer.npz", "lex*")
_VOCABULARIES: Final = tuple(f"*vocab*.{ending}" for ending in ("spm", "yml", "yaml", "json", "txt"))
_SHORTLIST: Final = "lex*.bin"
_OF_SOURCE: Final = ("src*", "source*", "*.src.*", "*.source.*")


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """A model's files. ``decoder``: what decoder.yml, which is ``decoder_path``, says; {} without one."""

    model: Path
    vocabularies: tuple[Path, Path]
    shortlist: Path | None
    decoder: Mapping[str, Value]
    decoder_path: Path

    @classmethod
    def of(cls, path: Path) -> Files:
        """The files of a model, which ``path`` is or which is alone in it. Raises ConversionError."""
        directory = path if path.is_dir() else path.parent
        decoder_path = directory / DECODER
        decoder: Mapping[str, Value] = {}
        for file in (file for pattern in _DECODERS for file in _matching(directory, pattern)):
            stated = read_yaml(file)
            if "models" in stated:
                decoder_path, decoder = file, stated
                break
        models = [path] if path.is_file() else _named(directory, decoder, "models") or _models(directory)
        vocabularies = _named(directory, decoder, "vocabs") or next(
            (found for pattern in _VOCABULARIES if (found := _matching(directory, pattern))), []
        )
        shortlists = _named(directory, decoder, "shortlist")[:1] or _matching(directory, _SHORTLIST)
        return cls(
            _only(directory, models, "models"),
            _source_and_target(directory, vocabularies),
            _only(directory, shortlists, "shortlists") if shortlists else None,
            decoder,
            decoder_path,
        )


def holds_model(path: Path) -> bool:
    """Whether ``path`` is a model of Marian, or a directory with one, as names and first bytes tell."""
    try:
        return bool(_models(path)) if path.is_dir() else _is_named_so(path.name) and _is_model(path)
    except OSError:
        return False


def _models(directory: Path) -> list[Path]:
    return [
        file
        for pattern in _MODELS
        for file in _matching(directory, pattern)
        if _is_named_so(file.name) and _is_model(file)
    ]


def _is_named_so(name: str) -> bool:
    plain = name.removesuffix(".gz")
    is_model = any(fnmatch.fnmatch(plain, pattern) for pattern in _MODELS)
    return is_model and not any(fnmatch.fnmatch(plain, pattern) for pattern in _NOT_MODELS)


def _is_model(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                return f"{SETTINGS}.npy" in archive.namelist()
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return bool(stream.read(8) == struct.pack("<Q", VERSION))
    except Exception:  # noqa: BLE001 (a damaged archive may lead to any)
        return False


def _matching(directory: Path, pattern: str) -> list[Path]:
    """The files whose names fit, perhaps with .gz; an unpacked one hides the one that it came from."""
    names = {entry.name for entry in directory.iterdir() if entry.is_file()}
    fitting = sorted(name for name in names if fnmatch.fnmatch(name.removesuffix(".gz"), pattern))
    return [directory / name for name in fitting if name[-3:] != ".gz" or name[:-3] not in names]


def _named(directory: Path, decoder: Mapping[str, Value], key: str) -> list[Path]:
    """The files that decoder.yml names under a key, all of which must lie beside it; paths do not count."""
    value = decoder.get(key, [])
    there = {entry.name: entry for entry in directory.iterdir() if entry.is_file()}
    found = []
    for name in value if isinstance(value, list) else [value]:
        file = there.get(PurePath(name).name)
        if file:
            found.append(file)
        elif key != "shortlist":  # a shortlist in text may be left out
            raise ConversionError(
                f"{directory}: has no file {short(PurePath(name).name)}; decoder.yml names it under {key}"
            )
    return found


def _only(directory: Path, found: Sequence[Path], what: str) -> Path:
    if len(set(found)) != 1:
        there = ", ".join(file.name for file in found) or "none"
        raise ConversionError(
            f"{directory}: holds {len(found)} {what} of Marian ({there}); one is converted: name the model's "
            "file, and leave one shortlist beside it"
        )
    return found[0]


def _source_and_target(directory: Path, found: Sequence[Path]) -> tuple[Path, Path]:
    if len(found) == 1:
        return found[0], found[0]
    if len(found) != 2:
        there = ", ".join(file.name for file in found) or "none"
        raise ConversionError(
            f"{directory}: holds {len(found)} vocabularies ({there}), not one or two; copy all files of the "
            "model (vocab.spm, or srcvocab.spm and trgvocab.spm), or name them in decoder.yml under vocabs"
        )
    of_source = [any(fnmatch.fnmatch(file.name, pattern) for pattern in _OF_SOURCE) for file in found]
    return (found[1], found[0]) if of_source == [False, True] else (found[0], found[1])

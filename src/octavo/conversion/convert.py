"""A model of another program in, a model directory out."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Final

from octavo import durable
from octavo.artifact import write_model
from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.families import family_of, names
from octavo.conversion.huggingface.directory import CONFIG_FILE, stated_class
from octavo.conversion.json_object import read_object
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError

_SHOWN_FILES: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class ConvertedModel:
    """What was converted. ``notes``: what the model asks for that Octavo does not do."""

    config: ModelConfig
    source_language: str
    target_language: str
    notes: tuple[str, ...]


def convert(
    path: str | Path,
    output: str | Path,
    *,
    name: str | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    overwrite: bool = False,
) -> ConvertedModel:
    """Convert the model at ``path``, a directory or a file of any family that is read, to a model directory.

    Name and languages are the model's own where they are not given. Raises ConversionError where the model
    cannot be converted, ModelError and OutputError as ``write_model``; nothing is written then.
    """
    if str(path).startswith(("http:", "https:")):
        raise ConversionError(
            "an address is no model directory; fetch the model first, then name its directory"
        )
    path = Path(path)
    if not path.exists():
        raise ConversionError(f"{path}: no such directory{_how_to_fetch(path)}")
    family = family_of(path)
    if family is None:
        raise _not_read(path)
    try:
        described = family.read(path)
    except SpecError as error:
        raise ConversionError(f"{path}: {error}") from error
    languages = source_language or described.source_language, target_language or described.target_language
    with tempfile.TemporaryDirectory() as scratch:
        write_model(
            output,
            config=described.config,
            scheme=described.scheme,
            plan=described.plan,
            shortlist=described.shortlist,
            alignment=described.alignment,
            search=described.search,
            tensors=described.tensors,
            tokenizer_files=_tokenizer_files(Path(scratch), described),
            name=name or described.name,
            source_language=languages[0],
            target_language=languages[1],
            languages=described.languages,
            added=described.added,
            quality={},
            overwrite=overwrite,
        )
    return ConvertedModel(described.config, *languages, described.notes)


def _tokenizer_files(scratch: Path, described: Described) -> tuple[Path, Path]:
    """The model's sentencepiece files, written to ``scratch``; one twice where both would be alike."""
    files = scratch / "source.spm", scratch / "target.spm"
    source, target = described.source_pieces.to_bytes(), described.target_pieces.to_bytes()
    durable.write_file(files[0], source)
    if source == target:
        return files[0], files[0]
    durable.write_file(files[1], target)
    return files


def _how_to_fetch(path: Path) -> str:
    """What to do where the name of a model at Hugging Face stands for its files; nothing for other paths."""
    if path.is_absolute() or len(path.parts) != 2 or ".." in path.parts:
        return ""
    name = path.name
    return (
        f"; if it is the name of a model at Hugging Face, download it first (`hf download {path} "
        f"--local-dir {name}`, of the package huggingface_hub) and convert {name}"
    )


def _not_read(path: Path) -> ConversionError:
    """Why no family reads what is at ``path``, and what is read."""
    known = f"octavo converts {'; '.join(names())}"
    if not path.is_dir():
        return ConversionError(f"{path}: is a file of no kind that is read; {known}")
    config = path / CONFIG_FILE
    if config.exists():
        stated = stated_class(read_object(config))
        return ConversionError(f"{config}: the architecture is {stated!r}; {known}")
    snapshots = path / "snapshots"
    if snapshots.is_dir():
        inside = sorted(entry for entry in snapshots.iterdir() if entry.is_dir())
        where = f": {inside[-1]}" if inside else ""
        return ConversionError(
            f"{path}: is a cache of downloads; the model is one of the folders in {snapshots}{where}"
        )
    files = sorted(entry.name for entry in path.iterdir())
    shown = ", ".join(files[:_SHOWN_FILES]) + (", …" if len(files) > _SHOWN_FILES else "")
    return ConversionError(
        f"{config}: missing; copy the whole model directory. There is {shown or 'nothing'} in {path}; {known}"
    )

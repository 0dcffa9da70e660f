"""A model of another program in, a model directory out."""

from __future__ import annotations

import dataclasses
import reprlib
import tempfile
from pathlib import Path
from typing import Final

from octavo import durable
from octavo.artifact import write_model
from octavo.artifact.description import FORMAT, MAX_NAME
from octavo.conversion.described import UNDETERMINED, Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.families import family_of
from octavo.conversion.huggingface.directory import CONFIG_FILE, stated_class
from octavo.conversion.json_object import read_object
from octavo.errors import ModelError, counted
from octavo.languages import Languages
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.regular_file import LFS_POINTER, is_lfs_pointer
from octavo.text.language_tags import is_language_tag, primary_subtag

_SHOWN_FILES: Final = 8
_LONGEST_LANGUAGE: Final = 3


@dataclasses.dataclass(frozen=True, slots=True)
class ConvertedModel:
    """What was converted. ``notes``: what the model asks for that Octavo does not do, and what to state."""

    config: ModelConfig
    source_language: str
    target_language: str
    notes: tuple[str, ...]
    languages: Languages | None = None


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

    Name and languages are the model's own where they are not given; of a model of several languages, those
    given become its defaults. Raises LanguageError for one that it does not have, ConversionError where the
    model cannot be converted, ModelError and OutputError as ``write_model``; nothing is written then.
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
    except ConversionError as error:
        if pointer := _named_pointer(path, str(error)):
            raise pointer from error
        raise
    described = _with_languages(described, source_language, target_language)
    _write(path, output, described, name or _printable(described.name), overwrite=overwrite)
    return ConvertedModel(
        described.config,
        described.source_language,
        described.target_language,
        described.notes,
        described.languages,
    )


def _write(path: Path, output: str | Path, described: Described, name: str, *, overwrite: bool) -> None:
    """Write the model directory; errors name ``path``, the model that was read. Raises as ``convert``."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            write_model(
                output,
                config=described.config,
                scheme=described.scheme,
                plan=described.plan,
                shortlist=described.shortlist,
                alignment=described.alignment,
                search=described.search,
                tensors=described.tensors,
                tokenizer_files=_tokenizer_files(path, Path(scratch), described),
                name=name,
                source_language=described.source_language,
                target_language=described.target_language,
                languages=described.languages,
                added=described.added,
                quality={},
                overwrite=overwrite,
            )
        except ModelError as error:
            if scratch not in str(error):
                raise
            _, _, reason = str(error).partition(": ")  # behind a file that is gone when this is read
            raise ConversionError(f"{path}: its vocabulary: {_doubled(described) or reason}") from error


def _doubled(described: Described) -> str | None:
    """Which tokens of a vocabulary have one text, which no sentencepiece file can have; None for none."""
    for table in (described.source_pieces, described.target_pieces):
        ids: dict[str, int] = {}
        for token, piece in enumerate(table.pieces):
            if (other := ids.setdefault(piece.text, token)) != token:
                return (
                    f"the tokens {other} and {token} are both {reprlib.repr(piece.text)}; remove the one "
                    "that was added"
                )
    return None


def _printable(name: str) -> str:
    """A name that a model may have, of that of its file or directory."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)[:MAX_NAME]


def _with_languages(described: Described, source: str | None, target: str | None) -> Described:
    """The model with the languages that are stated. Raises LanguageError, ConversionError."""
    languages = described.languages
    tells_source = languages is not None and languages.needs_source
    tells_target = languages is not None and languages.needs_target
    for key, tag, is_told in (
        ("source_language", source, tells_source),
        ("target_language", target, tells_target),
    ):
        if (
            tag
            and not is_told
            and not (is_language_tag(tag) and len(primary_subtag(tag)) <= _LONGEST_LANGUAGE)
        ):
            raise ConversionError(
                f"{key} = {reprlib.repr(tag)}: is no language tag; use a tag such as en or pt-BR"
            )
    if languages:
        languages = languages.by_default(source if tells_source else None, target if tells_target else None)
    stated = dataclasses.replace(
        described,
        languages=languages,
        source_language=described.source_language if tells_source else source or described.source_language,
        target_language=described.target_language if tells_target else target or described.target_language,
    )
    return dataclasses.replace(stated, notes=(*stated.notes, *_notes(stated)))


def _notes(described: Described) -> list[str]:
    """What to state: the languages that a model is told, or those that its files do not say."""
    if languages := described.languages:
        options = [("--from", languages.needs_source), ("--to", languages.needs_target)]
        choose = " and ".join(option for option, needed in options if needed)
        if languages.are_stated:
            choose += f", or by a code in front of a text, such as {next(iter(languages.codes))}"
        defaults = (("from", languages.default_source), ("to", languages.default_target))
        stated = [f"{side} {code}" for side, code in defaults if code is not None]
        assumed = f"; by default {' '.join(stated)}" if stated else ""
        return [f"the model has {counted(len(languages.codes), 'language')}; choose with {choose}{assumed}"]
    if UNDETERMINED in (described.source_language, described.target_language):
        return [
            "the files do not state the languages; convert again with --source-language and --target-language"
        ]
    return []


def _tokenizer_files(path: Path, scratch: Path, described: Described) -> tuple[Path, Path]:
    """The model's sentencepiece files, written to ``scratch``; one twice where both would be alike.

    Raises ConversionError, naming ``path``.
    """
    files = scratch / "source.spm", scratch / "target.spm"
    try:
        source, target = described.source_pieces.to_bytes(), described.target_pieces.to_bytes()
    except UnicodeEncodeError as error:
        raise ConversionError(
            f"{path}: the token {reprlib.repr(error.object)} of its vocabulary holds half a character; "
            "save the vocabulary again, as UTF-8"
        ) from error
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


def _pointers(path: Path) -> list[Path]:
    """The files, of a directory or a file itself, that Git LFS has not fetched."""
    return [file for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if is_lfs_pointer(file)]


def _named_pointer(path: Path, message: str) -> ConversionError | None:
    """The error for a file that Git LFS has not fetched, where a reader's message is about it."""
    named = (file for file in _pointers(path if path.is_dir() else path.parent) if str(file) in message)
    return next((ConversionError(f"{file}: {LFS_POINTER}") for file in named), None)


def _not_read(path: Path) -> ConversionError:
    """Why no family reads what is at ``path``, and what to do."""
    known = "`octavo convert --help` lists the kinds that are read"
    if pointers := _pointers(path):
        return ConversionError(f"{pointers[0]}: {LFS_POINTER}")
    if not path.is_dir():
        if path.suffix == ".argosmodel":
            return ConversionError(f"{path}: is a damaged package, or none; fetch it again")
        if (path.parent / CONFIG_FILE).is_file():
            return ConversionError(
                f"{path}: is one file of a model; name its directory: `octavo convert {path.parent} -o NAME`"
            )
        return ConversionError(f"{path}: is a file of no kind that is read; {known}")
    config = path / CONFIG_FILE
    if config.exists():
        values = read_object(config)
        if values.get("format") == FORMAT:
            return ConversionError(f"{path}: is an Octavo model already, and needs no conversion")
        stated = stated_class(values)
        return ConversionError(f"{config}: the architecture is {reprlib.repr(stated)}; {known}")
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

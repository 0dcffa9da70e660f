"""Writing a model directory: complete beside its place, then renamed into it."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from octavo import durable
from octavo.artifact.checksum import FileEntry
from octavo.artifact.description import CONFIG_FILE, FORMAT, Description, read_description, stored_tensors
from octavo.artifact.integer_values import integer_problem
from octavo.artifact.json_file import encode_json, read_json_object
from octavo.artifact.model_directory import QUALITY_FILE, ModelDirectory, previous_path
from octavo.artifact.shortlist import SHORTLIST_FILE, Shortlist, write_shortlist
from octavo.artifact.tensors_file import Array, write_tensors
from octavo.errors import ModelError, OutputError
from octavo.languages import Languages
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.integer_format import IntegerScales, check_integer
from octavo.model.plan import QuantizationPlan, plan_of
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.text.added_tokens import NO_ADDED_TOKENS, AddedTokens
from octavo.text.tokenizer import Tokenizer

TENSORS_FILE: Final = "model.safetensors"
CARD_FILES: Final = ("README.md", "MODEL_CARD.md")

TokenizerFiles: TypeAlias = Mapping[str, Path] | tuple[Path, Path]


def write_model(
    path: str | Path,
    *,
    config: ModelConfig,
    scheme: Scheme,
    search: SearchDefaults,
    tensors: Mapping[str, Array],
    tokenizer_files: TokenizerFiles,
    name: str,
    source_language: str,
    target_language: str,
    quality: Mapping[str, Any],
    plan: QuantizationPlan | None = None,
    integer_scales: IntegerScales | None = None,
    shortlist: Shortlist | None = None,
    alignment: AlignmentHeads | None = None,
    languages: Languages | None = None,
    added: AddedTokens = NO_ADDED_TOKENS,
    overwrite: bool = False,
) -> None:
    """Write a model directory at ``path``; an interruption leaves no half of one there.

    ``tokenizer_files`` is (source, target), or a mapping with those keys; the same file twice is
    stored once. ``plan``: as ``plan_of`` takes it; the scheme ``int8`` needs one, the scheme
    ``integer`` its ``integer_scales``.
    With ``overwrite`` a model at ``path`` is replaced (its README.md and MODEL_CARD.md stay), without it
    an existing path is refused. Raises ModelError where a part breaks the spec, OutputError where
    ``path`` cannot be written.
    """
    with _beside(Path(path), overwrite) as beside:
        plan = plan_of(config, scheme, plan)
        check_integer(config, scheme, integer_scales)
        source, target = _copy_tokenizers(beside, config, tokenizer_files)
        write_tensors(beside / TENSORS_FILE, stored_tensors(config, scheme, plan), tensors)
        if scheme is Scheme.INTEGER and (problem := integer_problem(config, tensors.__getitem__)):
            raise ModelError(f"{TENSORS_FILE}: {problem}")
        description = Description(
            name=name,
            source_language=source_language,
            target_language=target_language,
            config=config,
            scheme=scheme,
            plan=plan,
            integer_scales=integer_scales,
            search=search,
            source_tokenizer=source,
            target_tokenizer=target,
            tensors=FileEntry.of(beside / TENSORS_FILE),
            shortlist=_shortlist_entry(beside, shortlist, config) if shortlist else None,
            alignment=alignment,
            languages=languages,
            added=added,
        )
        _describe(beside, description, quality)


def write_with_shortlist(
    path: str | Path,
    source: ModelDirectory,
    shortlist: Shortlist,
    *,
    quality: Mapping[str, Any],
    languages: Languages | None = None,
    overwrite: bool = False,
) -> None:
    """Write the model ``source`` with this shortlist; its other files are copied as they are.

    ``languages``: those of a model that has several; their defaults are the pair that the shortlist is for.
    Written, and refused, as ``write_model`` does.
    """
    with _beside(Path(path), overwrite) as beside:
        description = read_description(source.path)
        for entry in (description.source_tokenizer, description.target_tokenizer, description.tensors):
            shutil.copyfile(source.path / entry.file, beside / entry.file)
        entry = _shortlist_entry(beside, shortlist, source.config)
        _describe(beside, dataclasses.replace(description, shortlist=entry, languages=languages), quality)


def write_with_alignment(
    path: str | Path,
    source: ModelDirectory,
    alignment: AlignmentHeads,
    *,
    quality: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write the model ``source`` with these alignment heads; its other files are copied as they are.

    Written, and refused, as ``write_model`` does.
    """
    with _beside(Path(path), overwrite) as beside:
        description = read_description(source.path)
        for entry in description.files:
            shutil.copyfile(source.path / entry.file, beside / entry.file)
        _describe(beside, dataclasses.replace(description, alignment=alignment), quality)


@contextmanager
def _beside(path: Path, overwrite: bool) -> Iterator[Path]:
    """A new directory beside ``path`` that takes its place when the block has filled it."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (Path.resolve would follow a link at the end)
    check_target(path, overwrite)
    try:
        with durable.new_folder(path) as beside:
            yield beside
            _move_into_place(beside, path)
    except ValueError as error:  # a SpecError, or quality figures that JSON cannot hold
        raise ModelError(f"{path}: {error}") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot write the model: {error.strerror or error}") from error


def _shortlist_entry(directory: Path, shortlist: Shortlist, config: ModelConfig) -> FileEntry:
    write_shortlist(directory / SHORTLIST_FILE, shortlist, config)
    return FileEntry.of(directory / SHORTLIST_FILE)


def _describe(directory: Path, description: Description, quality: Mapping[str, Any]) -> None:
    (directory / CONFIG_FILE).write_bytes(encode_json(description.to_dict()))
    (directory / QUALITY_FILE).write_bytes(encode_json(dict(quality)))


def check_output(source: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse, before any work is done, an output that would damage its model or cannot be overwritten.

    Raises OutputError.
    """
    check_apart(source, output)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; choose another directory, or replace it with --overwrite")
    check_target(output, overwrite)


def check_apart(source: Path, output: Path) -> None:
    """Raise OutputError for an output that is the model ``source``, lies in it or holds it."""
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or outer in inner.parents:
        raise OutputError(f"{output} is or lies inside the model {source}; choose a directory elsewhere")
    if inner in outer.parents:
        raise OutputError(f"{output} holds the model {source}; choose a directory elsewhere")


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse, with an OutputError, what ``write_model`` would not write over."""
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise OutputError(
            f"{path}: exists already; choose another path, or overwrite it (--overwrite, overwrite=True)"
        )
    if not path.is_dir() or path.is_symlink():
        raise OutputError(f"{path}: not a plain directory, so it is not overwritten; choose another path")
    if not os.access(path, os.W_OK):
        raise OutputError(
            f"{path}: is read-only, so it is not overwritten; make it writable (chmod u+w) first"
        )
    try:
        foreign = _foreign_entry(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot read: {error.strerror or error}") from error
    if foreign:
        raise OutputError(f"{path}: holds {foreign}, so it is not overwritten; choose another path")


def _foreign_entry(path: Path) -> str | None:
    """What replacing the directory would destroy besides a model; None where there is nothing such."""
    entries = sorted(entry.name for entry in path.iterdir())
    if not entries:
        return None
    try:
        is_model = read_json_object(path / CONFIG_FILE).get("format") == FORMAT
    except ModelError:
        is_model = False
    if not is_model:
        return f"{entries[0]} and is no model"
    known = {CONFIG_FILE, QUALITY_FILE, TENSORS_FILE, SHORTLIST_FILE, *CARD_FILES}
    return next((name for name in entries if name not in known and not name.endswith(".spm")), None)


def _copy_tokenizers(
    directory: Path, config: ModelConfig, files: TokenizerFiles
) -> tuple[FileEntry, FileEntry]:
    source, target = (files["source"], files["target"]) if isinstance(files, Mapping) else files
    source, target = Path(source), Path(target)
    shared = source.resolve() == target.resolve()
    Tokenizer(source, expected_size=config.source_vocab_size)
    Tokenizer(target, expected_size=config.target_vocab_size)
    names = ("tokenizer.spm",) * 2 if shared else ("source.spm", "target.spm")
    for origin, name in zip((source, target), names, strict=True):
        shutil.copyfile(origin, directory / name)
    return FileEntry.of(directory / names[0]), FileEntry.of(directory / names[1])


def _move_into_place(beside: Path, path: Path) -> None:
    if not path.exists():
        _seal(beside)
        beside.rename(path)
    else:
        for card in CARD_FILES:
            if (path / card).is_file():
                shutil.copy2(path / card, beside / card)
        _seal(beside)
        replace_directory(beside, path)
    durable.sync_entries(path.parent)


def replace_directory(beside: Path, path: Path) -> None:
    """Give ``beside`` the place of the directory ``path``, which waits at ``previous_path`` until then, and
    goes. Raises OutputError and OSError."""
    previous = previous_path(path)
    shutil.rmtree(previous, ignore_errors=True)
    if previous.exists():
        raise OutputError(f"{previous}: an older model that cannot be removed is in the way; remove it")
    path.rename(previous)
    try:
        beside.rename(path)
    except BaseException:
        previous.rename(path)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _seal(directory: Path) -> None:
    """Force all of it to disk before it gets its name; safetensors makes files that others cannot read."""
    for tensors in directory.glob("*.safetensors"):
        shutil.copymode(directory / CONFIG_FILE, tensors)
    durable.sync(directory)

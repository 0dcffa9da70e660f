"""Models come into the folder of installed ones, and go: each is there whole or not at all."""

from __future__ import annotations

import dataclasses
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.artifact.checksum import FileEntry
from octavo.artifact.description import CONFIG_FILE
from octavo.artifact.model_directory import QUALITY_FILE, previous_path
from octavo.artifact.writing import CARD_FILES
from octavo.catalog.archive import unpack
from octavo.catalog.download import Download, folder_of, sha256_beside
from octavo.catalog.errors import ArchiveError, CatalogError, DownloadError
from octavo.catalog.found import FoundModel, holds_model
from octavo.catalog.names import Installed, installed
from octavo.catalog.places import models_folder
from octavo.catalog.web import check_url
from octavo.errors import ModelError, OutputError, printable
from octavo.regular_file import open_regular
from octavo.runs.progress import Progress, Silent

MOST_BYTES: Final = 4 << 30
BESIDE: Final = "beside"
"""In place of a checksum: it is in the file URL.sha256."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_ARCHIVE_ENDING: Final = re.compile(r"\.(tar(\.(gz|xz|zst))?|tgz|txz|zip)$", re.IGNORECASE)
_FOR_PEOPLE: Final = re.compile(r"(LICEN[SC]E|NOTICE|COPYING)([.-][A-Za-z0-9.-]{1,50})?")
_DOWNLOADS: Final = ".downloads"
_REMOVED: Final = ".removed"


def add(
    source: str,
    *,
    name: str | None = None,
    overwrite: bool = False,
    sha256: str | None = None,
    most_bytes: int = MOST_BYTES,
    progress: Progress | None = None,
) -> FoundModel:
    """Install a model: a directory, an archive of one (.tar, .tar.gz, .tar.xz, .tar.zst or .zip), or the http
    or https URL of such an archive.

    ``name``: what it will be called; None takes the name of the directory or of the archive. ``overwrite``:
    a model of that name is replaced. ``sha256``: the archive's, in hexadecimal digits, or BESIDE.
    ``most_bytes``: the most that is downloaded, and the most that is unpacked. A model is checked as a whole
    before it appears. Raises CatalogError, ModelError, and OutputError for what cannot be written or read; a
    download that breaks, or is interrupted, is kept, and goes on when it is asked for again.
    """
    adding = _Adding(name, overwrite, sha256, most_bytes, progress or Silent())
    try:
        return _add(source, adding)
    except OSError as error:
        place, reason = error.filename or models_folder(), error.strerror or error
        raise OutputError(f"{source}: not installed: {place}: {reason}") from error


def _add(source: str, adding: _Adding) -> FoundModel:
    if adding.name is not None:
        adding.check_free(adding.name)
    if _URL.match(source):
        return adding.url(source)
    path = Path(source)
    if path.is_dir() and adding.sha256 is None:
        return adding.directory(path, path.absolute().name, source)
    if path.is_file():
        adding.check_sha256(path, source)
        return adding.archive(path, source)
    what = "a directory, which has no checksum" if path.is_dir() else "no such file or directory"
    raise CatalogError(f"{source}: {what}; a model is a directory, an archive of one, or an archive's URL")


def remove(name: str) -> Path:
    """Uninstall the model of that name, and say where it was. Raises CatalogError, and OSError."""
    models = {model.name: model for model in installed()}
    model = models.get(name)
    if model is None:
        others = ", ".join(name for name, model in models.items() if not model.boxed) or "none"
        raise CatalogError(f"{name}: no model of that name is installed; those that can be removed: {others}")
    if model.boxed:
        raise CatalogError(f"{name}: comes with Octavo, and cannot be removed")
    _discard(model.path)
    return model.path


def problem_of(model: Installed) -> str | None:
    """What is wrong with an installed model, all of its files and tensors read; None where it is sound."""
    try:
        ModelDirectory.open(model.path).tokenizers()
    except ModelError as error:
        return str(error)
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Adding:
    """How a model is added; see ``add``."""

    name: str | None
    overwrite: bool
    sha256: str | None
    most_bytes: int
    progress: Progress

    def url(self, url: str) -> FoundModel:
        """Add the archive of a URL."""
        check_url(url)
        folder = folder_of(url, models_folder() / _DOWNLOADS)
        folder.mkdir(parents=True, exist_ok=True)
        with durable.locked(folder):
            download = Download(url, folder, most_bytes=self.most_bytes, progress=self.progress)
            try:
                expected = sha256_beside(url) if self.sha256 == BESIDE else self.sha256
                archive = download.run()
                try:
                    dataclasses.replace(self, sha256=expected).check_sha256(archive, url)
                    found = self.archive(archive, unquote(urlsplit(url).path).rpartition("/")[2] or url)
                except (ArchiveError, DownloadError, ModelError):  # it will be no better the next time
                    download.drop()
                    raise
                download.drop()
            finally:
                if not download.path.exists():  # nothing to go on with
                    shutil.rmtree(folder, ignore_errors=True)
        return found

    def archive(self, archive: Path, called: str) -> FoundModel:
        """Add an archive, whose own name is the model's where it has no folder."""
        self.progress.stage("Unpacking", None)
        models_folder().mkdir(parents=True, exist_ok=True)
        with durable.new_folder(models_folder() / "unpacking") as scratch:
            unpack(archive, scratch, called, most_bytes=self.most_bytes)
            folders = [scratch, *sorted(entry for entry in scratch.iterdir() if entry.is_dir())]
            models = [folder for folder in folders if holds_model(folder)]
            if len(models) != 1:
                what = "several models" if models else f"no {CONFIG_FILE} at its top or in a folder there"
                raise ArchiveError(f"{called}: holds {what}; it must hold one model directory")
            at_top = models[0] == scratch
            name = _ARCHIVE_ENDING.sub("", Path(called).name) if at_top else models[0].name
            return self.directory(models[0], name, called)

    def directory(self, source: Path, own_name: str, called: str) -> FoundModel:
        """Copy a model beside its place, check it as a whole, and rename it into its place. ``called``:
        what messages call the directory."""
        name = self.name or own_name
        self.check_free(name)
        place = models_folder() / name
        self.progress.stage("Checking", None)
        place.parent.mkdir(parents=True, exist_ok=True)
        with durable.new_folder(place) as beside:
            try:
                for file in _files(source, FoundModel.read(source)):
                    with open_regular(source / file) as content, (beside / file).open("xb") as copy:
                        shutil.copyfileobj(content, copy)
                ModelDirectory.open(beside).tokenizers()
            except ModelError as error:
                told = str(error).replace(str(beside), called).replace(str(source.absolute()), called)
                raise ModelError(told) from error
            durable.sync(beside)
            self.check_free(name)
            _move(beside, place)
        return FoundModel.read(place)

    def check_free(self, name: str) -> None:
        """Raise CatalogError for what is no name, and for one that another model has."""
        if not _NAME.fullmatch(name):
            raise CatalogError(
                f"{printable(name)!r} cannot be the name of a model, which has letters, digits, '.', '_', "
                "'+' and '-', a letter or digit first; choose one with --name"
            )
        if (models_folder() / name).exists() and not self.overwrite:
            raise CatalogError(
                f"{name}: a model of that name is installed; choose another with --name, or replace it with "
                "--overwrite"
            )

    def check_sha256(self, path: Path, called: str) -> None:
        """Raise DownloadError where a file has another checksum than the one that is asked for."""
        if self.sha256 is None:
            return
        if not _SHA256.fullmatch(self.sha256):
            what = printable(self.sha256[:80])
            raise DownloadError(f"{called}: {what!r} is no SHA-256 checksum of 64 hexadecimal digits")
        found = FileEntry.of(path).sha256
        if found != self.sha256.lower():
            raise DownloadError(
                f"{called}: has the SHA-256 checksum {found}, not {self.sha256.lower()}; it is damaged or "
                "another file, and was not installed"
            )


def _files(source: Path, found: FoundModel) -> Iterator[str]:
    """What is copied: what config.json names, quality figures, and what is for people."""
    entries: set[FileEntry] = found.description.files
    yield from sorted({CONFIG_FILE, *(entry.file for entry in entries)})
    for path in sorted(source.iterdir()):
        if path.name in (QUALITY_FILE, *CARD_FILES) or _FOR_PEOPLE.fullmatch(path.name):
            yield path.name


def _move(beside: Path, place: Path) -> None:
    previous = previous_path(place)
    if place.exists():
        shutil.rmtree(previous, ignore_errors=True)
        place.rename(previous)
    try:
        beside.rename(place)
    except BaseException:
        if previous.exists():
            previous.rename(place)
        raise
    durable.sync_entries(place.parent)
    if previous.exists():
        _discard(previous)


def _discard(path: Path) -> None:
    """Let a folder go: first its name, at once, then what is in it, and what was left of others."""
    folder = path.parent
    if path.is_symlink():
        path.unlink()
    else:
        path.rename(folder / f".{path.name}.{secrets.token_hex(4)}{_REMOVED}")
    for left in folder.glob(f".*{_REMOVED}"):
        shutil.rmtree(left)

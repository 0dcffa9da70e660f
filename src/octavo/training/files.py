"""Files and folders that are either whole or absent: written beside, fsynced, renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

BESIDE = ".partial"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the file with ``data``."""
    beside = path.with_name(path.name + BESIDE)
    _write_synced(beside, data)
    beside.replace(path)
    _sync_folder(path.parent)


def write_folder_atomically(path: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder, which must not exist, with these files."""
    beside = path.with_name(path.name + BESIDE)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, data in files.items():
        _write_synced(beside / name, data)
    _sync_folder(beside)
    beside.rename(path)
    _sync_folder(path.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

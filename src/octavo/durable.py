"""Files and folders that are whole or absent, whatever happens: written beside, fsynced, renamed.

Standard library only; imports nothing of the package.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

BESIDE: Final = ".partial"
"""Ends the name of what ``write_file`` and ``write_folder`` have not finished."""


def write_file(path: Path, data: bytes) -> None:
    """Make the file, or replace it, with ``data``. For one writer at a time. Raises OSError."""
    beside = path.with_name(path.name + BESIDE)
    beside.write_bytes(data)
    rename(beside, path)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder, which must not exist, with these files. For one writer at a time. Raises OSError."""
    beside = path.with_name(path.name + BESIDE)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, data in files.items():
        (beside / name).write_bytes(data)
    rename(beside, path)


def rename(beside: Path, path: Path) -> None:
    """Give a finished file, or folder of files, its name; replaces a file at ``path``. Raises OSError."""
    sync(beside)
    beside.replace(path)
    sync_entries(path.parent)


def sync(path: Path) -> None:
    """Force a file, or a folder of files with its entries, to disk. Raises OSError."""
    if path.is_dir():
        for entry in path.iterdir():
            _fsync(entry)
        sync_entries(path)
    else:
        _fsync(path)


def sync_entries(folder: Path) -> None:
    """Force a folder's list of entries to disk, where the system has a way to. Raises OSError."""
    try:
        _fsync(folder)
    except PermissionError:  # a folder that may be written but not read; any folder on Windows
        return
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without fsync for folders
            raise


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

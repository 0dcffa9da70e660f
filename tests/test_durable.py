"""Durable files and folders: the order of the steps, and what a failure leaves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from octavo import durable


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The name of everything that is fsynced or renamed, in order."""
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        steps.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def recorded_replace(self: Path, target: Path) -> Path:
        steps.append(("rename", self.name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    return steps


def test_a_file_is_on_disk_before_its_name_is(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    (tmp_path / "file").write_bytes(b"old")
    durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert steps == [("fsync", "file.partial"), ("rename", "file.partial"), ("fsync", tmp_path.name)]


def test_a_folder_is_on_disk_before_its_name_is(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    (tmp_path / "folder.partial" / "left").mkdir(parents=True)
    durable.write_folder(tmp_path / "folder", {"a": b"1", "b": b"2"})
    found = {file.name: file.read_bytes() for file in (tmp_path / "folder").iterdir()}
    assert found == {"a": b"1", "b": b"2"}
    assert sorted(steps[:2]) == [("fsync", "a"), ("fsync", "b")]
    last = [("fsync", "folder.partial"), ("rename", "folder.partial"), ("fsync", tmp_path.name)]
    assert steps[2:] == last


def failing_fsync(monkeypatch: pytest.MonkeyPatch, number: int, *, folders: bool) -> None:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir() == folders:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")
    failing_fsync(monkeypatch, errno.ENOSPC, folders=False)
    with pytest.raises(OSError, match="No space left"):
        durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_folders_that_cannot_be_synced_are_left_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_fsync(monkeypatch, errno.EINVAL, folders=True)
    durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_other_failures_of_a_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_fsync(monkeypatch, errno.EIO, folders=True)
    with pytest.raises(OSError, match="Input/output error"):
        durable.write_file(tmp_path / "file", b"new")

"""Durable files and folders: the order of the steps, and what a failure leaves."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from octavo import durable
from octavo.errors import OutputError


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
    with pytest.raises(OutputError, match=r"cannot write \S*/file.partial: No space left on device"):
        durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    with pytest.raises(OutputError, match=r"cannot write \S*/folder.partial/a: No space left on device"):
        durable.write_folder(tmp_path / "folder", {"a": b"1"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"], "a full disk is not kept full"


def test_folders_that_cannot_be_synced_are_left_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_fsync(monkeypatch, errno.EINVAL, folders=True)
    durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_other_failures_of_a_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_fsync(monkeypatch, errno.EIO, folders=True)
    with pytest.raises(OutputError, match=r"cannot write \S+: Input/output error"):
        durable.write_file(tmp_path / "file", b"new")


LIMITED = """
import resource, sys
from pathlib import Path
from octavo import durable
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    durable.write_file(Path(sys.argv[1]), bytes(5000))
finally:
    print(*Path(sys.argv[1]).parent.iterdir())
"""


def test_a_write_that_the_system_refuses_names_the_file(tmp_path: Path) -> None:
    """Of a write the system does not say which file it was. Here a limit stands for a full disk."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        done.stderr.splitlines()[-1]
        == f"octavo.errors.OutputError: cannot write {tmp_path}/file: File too large"
    )
    assert done.stdout == "\n", "nothing is left"


@pytest.mark.parametrize("write", ["file", "folder"])
def test_a_link_in_the_place_of_the_unfinished_one_is_not_followed(tmp_path: Path, write: str) -> None:
    (tmp_path / "private").write_bytes(b"secret")
    (tmp_path / "new.partial").symlink_to(tmp_path / "private")
    if write == "file":
        durable.write_file(tmp_path / "new", b"new")
    else:
        durable.write_folder(tmp_path / "new", {"a": b"new"})
    assert (tmp_path / "private").read_bytes() == b"secret"
    assert not (tmp_path / "new").is_symlink()
    assert not (tmp_path / "new.partial").is_symlink()


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OutputError, match=r"cannot write \S+/file.partial: Is a directory"):
        durable.write_file(tmp_path / "file", b"new")


def test_an_output_leads_through_a_link_and_keeps_permissions(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "file.partial").write_bytes(b"another's")
    (tmp_path / "link").symlink_to("file")
    durable.OutputFile(tmp_path / "link").write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link", "file.partial"}


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    durable.OutputFile(tmp_path / "pipe").write(b"new")
    assert os.read(reading, 10) == b"new"
    os.close(reading)
    assert (tmp_path / "pipe").is_fifo()


def test_an_output_that_cannot_be_written_is_told_before_there_is_any(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/file: cannot be written: there is no folder"):
        durable.OutputFile(tmp_path / "no" / "file")
    with pytest.raises(OutputError, match=r": cannot be written: it is a directory"):
        durable.OutputFile(tmp_path)
    assert not list(tmp_path.iterdir())


LOCKING = """
import sys, time
from pathlib import Path
from octavo import durable
with durable.locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_locked_for_one_process_until_that_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOCKING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        message = rf"{tmp_path}: another process \({other.pid}\) is at work there; wait for it to end"
        with pytest.raises(OutputError, match=message), durable.locked(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    for _ in range(2):
        with durable.locked(tmp_path):
            assert (tmp_path / durable.LOCK).read_text(encoding="ascii") == f"{os.getpid()}\n"


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write \S+/none/.lock: No such file"),
        durable.locked(tmp_path / "none"),
    ):
        pass


FILLING = """
import sys, time
from pathlib import Path
from octavo import durable
with durable.new_folder(Path(sys.argv[1])) as beside:
    (beside / "half").touch()
    print(beside.name, flush=True)
    time.sleep(60)
"""


def test_a_new_folder_removes_what_killed_processes_left_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "model"
    others = {".models.01234567.new", ".model.new", "model.01234567.new", ".model.0123456789.new"}
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / ".model.89abcdef.new").symlink_to(tmp_path / ".model.new")
    command = [sys.executable, "-c", FILLING, str(path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as alive,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed,
    ):
        assert alive.stdout is not None
        assert killed.stdout is not None
        names = {process: process.stdout.readline().strip() for process in (alive, killed)}
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (tmp_path / names[killed] / "half").exists()
        with durable.new_folder(path) as beside:
            (beside / "whole").touch()
            found = {entry.name for entry in tmp_path.iterdir()}
            assert found == others | {".model.89abcdef.new", beside.name, names[alive]}
            beside.rename(path)
        alive.kill()
    assert [entry.name for entry in path.iterdir()] == ["whole"]

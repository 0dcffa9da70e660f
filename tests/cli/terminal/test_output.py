"""Output files: whole or partial, never torn."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from octavo.cli.terminal.output import LineOutput, open_output
from octavo.errors import OctavoError, OutputError


class SmallDisk(io.BytesIO):
    """Takes a few bytes at a time, and no more than ``room``."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object) -> int:
        assert isinstance(data, memoryview)
        taken = min(7, len(data), self.room)
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= taken
        return super().write(data[:taken])


def test_lines_are_written_whole_however_little_is_taken_at_once() -> None:
    disk = SmallDisk(room=1000)
    output = LineOutput(disk, "disk")
    output.write(["Bäko tire sal.", "", "Ko."])
    output.write(["1\t1\tBako.", "1\t2\tBa."], inputs=1)
    assert disk.getvalue().decode() == "Bäko tire sal.\n\nKo.\n1\t1\tBako.\n1\t2\tBa.\n"
    assert (output.lines, output.bytes) == (4, len(disk.getvalue()))


def test_a_full_disk_is_named_and_the_torn_block_not_counted() -> None:
    output = LineOutput(SmallDisk(room=30), "talk.de")
    output.write(["Bako."])
    with pytest.raises(OutputError, match=r"talk\.de: cannot be written: No space left"):
        output.write(["Bako tire sal munder pilo.", "Ko."])
    assert output.lines == 1


def test_a_torn_block_is_cut_off_the_partial_file(tmp_path: Path) -> None:
    with pytest.raises(OctavoError, match="stop") as stopped, open_output(tmp_path / "out") as output:
        output.write(["Bako.", "Tire."])
        output._stream.write(b"half a li")
        raise OctavoError("stop")
    assert (tmp_path / "out.partial").read_text() == "Bako.\nTire.\n"
    assert stopped.value.__notes__ == [f"2 lines are done, in {tmp_path / 'out.partial'}"]
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_where_nothing_was_done(tmp_path: Path) -> None:
    with pytest.raises(OctavoError, match="stop"), open_output(tmp_path / "out"):
        raise OctavoError("stop")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_there_before_the_first_line(tmp_path: Path) -> None:
    """So that a run that is killed before leaves nothing."""
    with open_output(tmp_path / "out") as output:
        assert [*tmp_path.iterdir()] == []
        output.write([])
        assert [*tmp_path.iterdir()] == []
        output.write(["Bako."])
        assert [*tmp_path.iterdir()] == [tmp_path / "out.partial"]
    with open_output(tmp_path / "empty"):
        pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out": "Bako.\n", "empty": ""}


def test_an_older_partial_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.partial").write_text("Hours of work.\n")
    with pytest.raises(OctavoError, match="stop"), open_output(tmp_path / "out"):
        raise OctavoError("stop")
    with pytest.raises(OctavoError, match="stop") as stopped, open_output(tmp_path / "out") as output:
        output.write(["Bako."])
        raise OctavoError("stop")
    assert stopped.value.__notes__ == [f"1 line is done, in {tmp_path / 'out.partial.2'}"]
    with open_output(tmp_path / "out") as output:
        output.write(["Tire."])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "out": "Tire.\n",
        "out.partial": "Hours of work.\n",
        "out.partial.2": "Bako.\n",
    }


def test_two_runs_with_one_output_share_nothing(tmp_path: Path) -> None:
    with open_output(tmp_path / "out") as slow:
        slow.write(["Bako."])
        with open_output(tmp_path / "out") as quick:
            quick.write(["Tire."])
        assert (tmp_path / "out").read_text() == "Tire.\n"
        slow.write(["Sal."])
    assert (tmp_path / "out").read_text() == "Bako.\nSal.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_replaces_a_private_file_is_private_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "out").touch(mode=0o600)
    with open_output(tmp_path / "out") as output:
        output.write(["Bako."])
        assert (tmp_path / "out.partial").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_lines_that_cannot_be_synced_stay_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    failure = pytest.raises(OutputError, match=r"cannot write \S*/out.partial: No space")
    with failure as stopped, open_output(tmp_path / "out") as output:
        output.write(["Bako."])
    assert stopped.value.__notes__ == [f"1 line is done, in {tmp_path / 'out.partial'}"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "there" / "real")
    with open_output(tmp_path / "out") as output:
        output.write(["Bako."])
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "there" / "real").read_text() == "Bako.\n"

"""Files that are no memory, or cannot be used as one: what the message says."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.errors import InputError, OutputError
from octavo.memory import TranslationMemory, database

from .conftest import session_of


def other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()


def later_version(path: Path) -> None:
    TranslationMemory.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()


def damaged(path: Path) -> None:
    with TranslationMemory.open(path) as memory:
        session_of(memory).add((f"{row}", "x" * 100) for row in range(500))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def damaged_names(path: Path) -> None:
    TranslationMemory.open(path).close()
    path.write_bytes(path.read_bytes().replace(b"origin TEXT", b"origin\xb2TEXT"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("<tmx>" * 1000), "is no SQLite database"),
        (other_program, "of another program, not a translation memory"),
        (later_version, "is a translation memory of version 7, and this Octavo reads version 1"),
        (damaged, "damaged"),
        (damaged_names, "damaged"),
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "is no plain file"),
    ],
)
def test_what_is_no_memory(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "m.db"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=rf"m\.db: .*{message}"):
        TranslationMemory.open(path).holdings()


def test_a_memory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m\.db: no such translation memory"):
        TranslationMemory.open(tmp_path / "m.db", create=False)
    with pytest.raises(InputError, match=r"m\.db: no such translation memory"):
        TranslationMemory.open(tmp_path / "m.db", read_only=True)
    with pytest.raises(OutputError, match=r"there is no folder .*nowhere; make it first"):
        TranslationMemory.open(tmp_path / "nowhere" / "m.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_memory(tmp_path: Path) -> None:
    (tmp_path / "m.db").touch()
    with pytest.raises(InputError, match="is an empty file"):
        TranslationMemory.open(tmp_path / "m.db", create=False)
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        assert memory.holdings() == []


@pytest.mark.parametrize("name", ["a b?c#d%20.db", "übung.db", os.fsdecode(b"\xff.db")])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    with TranslationMemory.open(tmp_path / name) as memory:
        session_of(memory).add([("a", "b")])
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [os.fsencode(name)]


def test_a_read_only_memory_answers_and_refuses_more(memory: TranslationMemory) -> None:
    session_of(memory).add([("a", "b")])
    with TranslationMemory.open(memory.path, read_only=True) as reader:
        session = session_of(reader)
        assert session.lookup(["a"])[0] is not None
        with pytest.raises(OutputError, match=r"m\.db: cannot write .* read-only"):
            session.add([("c", "d")])
        assert session.lookup(["c"]) == [None]


def test_a_memory_that_another_keeps_locked(
    memory: TranslationMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    with TranslationMemory.open(memory.path) as waiting, memory.connection() as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for call in (waiting.holdings, lambda: session_of(waiting).add([("a", "b")])):
            with pytest.raises(OutputError, match="another process is writing"):
                call()
        connection.execute("ROLLBACK")
    assert memory.holdings() == []


FULL = """
import sys
from octavo.errors import OutputError
from octavo.memory import TranslationMemory
with TranslationMemory.open(sys.argv[1]) as memory:
    session = memory.session(model="m", options="o", source_language="en", target_language="de")
    session.add([("a", "b")])
    try:
        session.add((f"{row}", "x" * 1000) for row in range(1000))
    except OutputError as error:
        print(error)
    assert session.lookup(["a", "7"])[1] is None
"""


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL, str(tmp_path / "m.db")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 0, done.stderr
    assert "m.db: cannot" in done.stdout and "disk" in done.stdout
    with TranslationMemory.open(tmp_path / "m.db") as memory:
        assert [holding.entries for holding in memory.holdings()] == [1]

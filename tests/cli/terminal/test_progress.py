"""What a person at a terminal sees: progress and hints on standard error, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from ...models import synthetic_sentences
from ..conftest import COMMAND, ENVIRONMENT

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")


class Terminal:
    """A pseudo-terminal; ``seen`` is all that was written to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.seen = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.master, 4096):
                self.seen += data
        except OSError:  # Linux ends a terminal whose last writer has left with EIO
            return

    def close(self) -> None:
        os.close(self.slave)
        self._reader.join(timeout=30)
        os.close(self.master)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{text}\n" for text in synthetic_sentences(300)))
    return path


def run(terminal: Terminal, *arguments: object, **streams: int) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, arguments)]
    environment = ENVIRONMENT | {"TERM": "xterm"}
    done = subprocess.run(command, stderr=terminal.slave, env=environment, check=False, timeout=60, **streams)
    terminal.close()
    return done


def test_progress_of_a_file(int8_model: Path, source: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    done = run(terminal, "translate", "-m", int8_model, "-b", 1, "-i", source, "-o", tmp_path / "out.txt")
    assert done.returncode == 0
    assert b"Translating" in terminal.seen
    assert b"100%" in terminal.seen
    assert b"300 lines" in terminal.seen
    assert (tmp_path / "out.txt").read_bytes().count(b"\n") == 300


def test_no_progress_between_the_lines_of_one_terminal(int8_model: Path, source: Path) -> None:
    terminal = Terminal()
    run(terminal, "translate", "-m", int8_model, "-b", 1, "-i", source, stdout=terminal.slave)
    assert b"Translating" not in terminal.seen
    assert terminal.seen.count(b"\n") >= 300


def test_progress_beside_a_pipe(int8_model: Path, source: Path) -> None:
    terminal = Terminal()
    done = run(terminal, "translate", "-m", int8_model, "-b", 1, "-i", source, stdout=subprocess.PIPE)
    assert done.stdout.count(b"\n") == 300
    assert b"Translating" in terminal.seen
    assert b"Translating" not in done.stdout


def test_a_person_who_types_gets_a_hint_and_answers(int8_model: Path) -> None:
    terminal = Terminal()
    os.write(terminal.master, b"Bako tire.\n\x04")
    done = run(terminal, "translate", "-m", int8_model, stdin=terminal.slave, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1
    assert b"Ctrl-D ends" in terminal.seen

"""Ctrl-C: what is done stays usable, the message says how much, the exit code is 130."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from ...models import synthetic_sentences
from ..conftest import COMMAND, ENVIRONMENT, Octavo

TEXTS = synthetic_sentences(40)


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_lines_on_standard_output_stay(octavo: Octavo, int8_model: Path) -> None:
    expected = octavo("translate", "-m", int8_model, *TEXTS[:3]).stdout
    command = [*COMMAND, "translate", "-m", str(int8_model)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("".join(f"{text}\n" for text in TEXTS[:3]).encode())
        process.stdin.flush()
        read = b"".join(process.stdout.readline() for _ in range(3))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == b"octavo: interrupted. 3 lines are done, on standard output\n"
        assert read + process.stdout.read() == expected


def test_a_file_is_left_partial_in_mid_translation(octavo: Octavo, int8_model: Path, tmp_path: Path) -> None:
    texts = synthetic_sentences(4000)
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in texts))
    (tmp_path / "out.txt").write_text("old\n")
    arguments = ["-m", str(int8_model), "--beam", "16", "--threads", "1"]
    command = [*COMMAND, "translate", *arguments, "-i", "in.txt", "-o", "out.txt"]
    partial = tmp_path / "out.txt.partial"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        wait_for_lines(partial, 1, process)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.wait(timeout=60) == 130
        assert time.monotonic() - sent < 5
        message = process.stderr.read().decode()
    done = partial.read_bytes()
    count = done.count(b"\n")
    assert 0 < count < len(texts)
    assert done.endswith(b"\n")
    assert message == f"octavo: interrupted. {count} lines are done, in {partial}\n"
    assert (tmp_path / "out.txt").read_text() == "old\n"
    first = octavo("translate", *arguments, *texts[:20])
    assert done.startswith(first.stdout)

"""Closed and full standard streams: one rule for every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from octavo.cli import main

from ..conftest import COMMAND, ENVIRONMENT, Completed

COMMANDS = (
    ["--help"],
    ["--version"],
    ["translate", "--help"],
    ["doctor"],
    ["inspect", "MODEL"],
    ["inspect", "MODEL", "--json"],
    ["quantize", "MODEL", "-o", "out"],
    ["export", "MODEL", "--to", "huggingface", "-o", "out"],
    ["translate", "-m", "MODEL", "Bako."],
    ["evaluate", "-m", "MODEL", "--source", "text", "--reference", "text"],
)
FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


@pytest.fixture
def arguments(request: pytest.FixtureRequest, float_model: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "text").write_text("Bako tire.\n")
    return [str(float_model) if part == "MODEL" else part for part in request.param]


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full_device() -> Iterator[int]:
    with FULL.open("wb") as full:
        yield full.fileno()


@pytest.fixture
def run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[[list[str], int], tuple[object, bytes]]:
    """Runs ``octavo`` here with another standard output; gives its exit code and standard error."""

    def run(arguments: list[str], stdout: int) -> tuple[object, bytes]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("OCTAVO_ISA", raising=False)
        with (
            open(stdout, "w", encoding="utf-8", closefd=False) as stream,
            monkeypatch.context() as patch,
            pytest.raises(SystemExit) as ended,
        ):
            patch.setattr(sys, "stdout", stream)
            main(arguments)
        return ended.value.code, capfdbinary.readouterr().err

    return run


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join, indirect=True)
def test_a_reader_that_left_got_what_it_wanted(
    run_here: Callable[[list[str], int], object], arguments: list[str], tmp_path: Path
) -> None:
    with pipe_without_reader() as closed:
        assert run_here(arguments, closed) == (0, b"")
    assert (tmp_path / "out").exists() == ("out" in arguments)


@NEEDS_FULL
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join, indirect=True)
def test_output_that_does_not_fit_is_told(
    run_here: Callable[[list[str], int], tuple[int, bytes]], arguments: list[str], tmp_path: Path
) -> None:
    with full_device() as full:
        code, stderr = run_here(arguments, full)
    message = b"octavo: standard output: cannot be written: No space left on device"
    assert (code, stderr.splitlines()[-1].partition(b". ")[0]) == (2, message)
    assert (tmp_path / "out").exists() == ("out" in arguments)


def run(arguments: list[str], place: Path, *, stdout: int, stderr: int = subprocess.PIPE) -> Completed:
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, stdout=stdout, stderr=stderr, cwd=place, env=ENVIRONMENT, check=False, timeout=120
    )


@pytest.mark.parametrize("arguments", [["--help"], ["inspect", "MODEL"]], indirect=True)
def test_a_reader_that_left_a_process(arguments: list[str], tmp_path: Path) -> None:
    with pipe_without_reader() as closed:
        done = run(arguments, tmp_path, stdout=closed)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["--version"], ["translate", "-m", "MODEL", "Bako."]], indirect=True)
def test_no_standard_output_at_all(arguments: list[str], tmp_path: Path) -> None:
    closing = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *arguments]
    done = subprocess.run(closing, stderr=subprocess.PIPE, cwd=tmp_path, env=ENVIRONMENT, check=False)
    message = b"octavo: standard output: cannot be written: it is closed\n"
    assert (done.returncode, done.stderr) == (2, message)


@pytest.mark.parametrize("arguments", [["inspect", "nowhere"], ["inspect", "--colour"]])
@pytest.mark.parametrize("lost", [pipe_without_reader, pytest.param(full_device, marks=NEEDS_FULL)])
def test_a_message_that_is_lost_changes_nothing(arguments: list[str], lost: object, tmp_path: Path) -> None:
    assert callable(lost)
    with lost() as stderr:
        done = run(arguments, tmp_path, stdout=subprocess.PIPE, stderr=stderr)
    assert (done.returncode, done.stdout) == (2, b"")


def test_unbuffered_output_is_whole(tmp_path: Path) -> None:
    whole = run(["--help"], tmp_path, stdout=subprocess.PIPE)
    environment = ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, whole.stdout)

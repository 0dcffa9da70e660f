"""Ctrl-C: noted at once, acted on between two steps; what is done stays usable; the exit code is 130."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from octavo import interrupt, load
from octavo.artifact import ModelDirectory
from octavo.bench.memory import peak_memory_bytes
from octavo.bench.subject import Subject
from octavo.bench.work import Work, random_sources
from octavo.cli.terminal.output import LineOutput
from octavo.cli.terminal.signals import stopping_on_interrupt, wait_for_input
from octavo.conversion.tensor_sources.safetensors_file import SafetensorsFile
from octavo.engine import Engine, SearchOptions, TextSession

from ...conversion.marian import marian_config, write_marian
from ...generation.conftest import write_language_model
from ...models import synthetic_sentences, tiny_config, write_tiny_model
from ..conftest import COMMAND, ENVIRONMENT, Octavo

TEXTS = synthetic_sentences(300)


class InterruptedWhenFreed:
    """A signal that comes in its destructor, where an exception could only be printed and lost."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, call: int) -> None:
    """Let Ctrl-C come during that call of a method, counted from 1."""
    method: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def interrupted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            InterruptedWhenFreed()
        return method(*args, **options)

    monkeypatch.setattr(owner, name, interrupted)


@pytest.fixture
def place(tmp_path: Path, int8_model: Path) -> Path:
    (tmp_path / "text").write_text("".join(f"{text}\n" for text in TEXTS))
    (tmp_path / "int8").symlink_to(int8_model)
    write_tiny_model(tmp_path / "long", config=tiny_config(max_positions=256))
    write_language_model(tmp_path / "language")
    write_marian(tmp_path / "marian", marian_config())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "owner", "method"),
    [
        ("translate -m int8 -i text", Engine, "translate"),
        ("evaluate -m int8 --source text --reference text", Engine, "translate"),
        ("bench int8 --sentences 2 --rounds 2", Engine, "translate"),
        ("quantize long --calibrate text -o out", Engine, "translate"),
        ("quantize long --calibrate text --dev text text -o out", Engine, "observe"),
        ("shortlist long --source text -o out", Engine, "translate"),
        ("quantize long -o out", ModelDirectory, "open"),
        ("export long --to huggingface -o out", ModelDirectory, "open"),
        ("convert marian -o out", SafetensorsFile, "read"),
        ("perplexity language text", Engine, "score_last"),
        ("generate -m language -i text", TextSession, "step"),
    ],
)
def test_every_long_command_stops_with_a_word(
    octavo_here: Octavo,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    owner: type,
    method: str,
) -> None:
    interrupt_at(monkeypatch, owner, method, 1)
    done = octavo_here(*arguments.split())
    assert (done.returncode, done.stderr.splitlines()[-1][:19]) == (130, b"octavo: interrupted")
    assert b"Exception ignored" not in done.stderr
    assert not (place / "out").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_file_is_left_partial(octavo_here: Octavo, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = octavo_here("translate", "-m", "int8", "-i", "text").stdout
    (place / "out").write_text("old\n")
    interrupt_at(monkeypatch, LineOutput, "write", 1)
    done = octavo_here("translate", "-m", "int8", "-i", "text", "-o", "out")
    assert done.returncode == 130
    written = (place / "out.partial").read_bytes()
    count = written.count(b"\n")
    assert 0 < count < len(TEXTS)
    assert written == b"".join(expected.splitlines(keepends=True)[:count])
    lines = "1 line is" if count == 1 else f"{count} lines are"
    assert done.stderr.decode() == f"octavo: interrupted. {lines} done, in {place / 'out.partial'}\n"
    assert (place / "out").read_text() == "old\n"


def test_the_engine_stops_in_the_middle(int8_model: Path) -> None:
    with load(int8_model, threads=1) as translator, stopping_on_interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            translator(synthetic_sentences(3000), beam=64)
    assert not interrupt._requested


def test_a_measuring_process_is_not_waited_for(int8_model: Path) -> None:
    subject = Subject(int8_model)
    work = Work(random_sources(subject.config, [8]), SearchOptions())
    with stopping_on_interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            peak_memory_bytes(subject, "int8", 1, work)
    assert not multiprocessing.active_children()


def test_one_that_waits_for_input_wakes_up() -> None:
    reader, writer = os.pipe()
    try:
        with stopping_on_interrupt():
            os.write(writer, b"x")
            wait_for_input(reader)
            os.read(reader, 1)
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                wait_for_input(reader)
    finally:
        os.close(reader)
        os.close(writer)


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
        assert process.wait() == 130
        assert process.stderr.read() == b"octavo: interrupted. 3 lines are done, on standard output\n"
        assert read + process.stdout.read() == expected


@pytest.mark.parametrize("inside", ["nullcontext", "Interrupt"])
def test_the_second_ends_it_at_once(inside: str) -> None:
    script = (
        "import signal\n"
        "from contextlib import nullcontext\n"
        "from octavo.cli.terminal.signals import stopping_on_interrupt\n"
        "from octavo.training.interrupt import Interrupt\n"
        f"with stopping_on_interrupt(), {inside}():\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('first', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('second', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, b"first\n")


def test_one_that_is_ignored_stays_ignored(
    octavo_here: Octavo, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, Engine, "translate", 1)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert octavo_here("translate", "-m", "int8", "-i", "text").returncode == 0
    finally:
        signal.signal(signal.SIGINT, before)

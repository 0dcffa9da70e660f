"""Nothing but ``octavo models add URL`` and ``octavo serve`` opens a socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ENVIRONMENT, Completed

GUARD = """
import os
import sys

def deny(event, arguments):
    if event.startswith("socket."):
        print("SOCKET", event, file=sys.stderr, flush=True)
        os._exit(99)

sys.addaudithook(deny)
"""

PROGRAM = """
import octavo
from octavo.cli import main

for arguments in (
    ["translate", "A man rides a bicycle."],
    ["translate", "-m", "en-de", "page.html", "-o", "seite.html"],
    ["doctor"],
    ["inspect", "en-de"],
    ["quantize", "--help"],
    ["models", "list"],
    ["models", "add", "model", "--name", "mine"],
    ["models", "verify"],
):
    try:
        main(arguments)
    except SystemExit as ended:
        assert not ended.code, (arguments, ended.code)
with octavo.load("en-de", threads=1) as translator:
    print(translator.html("<p>A <b>dog</b> runs.</p>"))
"""


@pytest.fixture
def guarded(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python ends with 99 where it touches a socket or resolves a name."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path / "guard"), ENVIRONMENT["PYTHONPATH"]]))
    return ENVIRONMENT | {"PYTHONPATH": path, "OCTAVO_MODELS": str(tmp_path / "installed")}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> Completed:
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize("call", ["create_connection(('127.0.0.1', 9))", "getaddrinfo('localhost', 9)"])
def test_the_guard_works(tmp_path: Path, guarded: dict[str, str], call: str) -> None:
    command = [sys.executable, "-c", f"import socket; socket.{call}"]
    assert run(command, tmp_path, guarded).returncode == 99


def test_nothing_opens_a_socket(tmp_path: Path, guarded: dict[str, str], int8_model: Path) -> None:
    (tmp_path / "page.html").write_text("<p>A <b>dog</b> runs.</p>", encoding="utf-8")
    shutil.copytree(int8_model, tmp_path / "model")
    done = run([sys.executable, "-c", PROGRAM], tmp_path, guarded)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "seite.html").exists()


def test_only_adding_a_url_does_and_not_where_that_is_forbidden(
    tmp_path: Path, guarded: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "octavo", "models", "add", "http://127.0.0.1:9/en-fr.tar.gz"]
    assert run(command, tmp_path, guarded).returncode == 99
    done = run(command, tmp_path, guarded | {"OCTAVO_OFFLINE": "1"})
    assert done.returncode == 2
    assert b"not fetched, since OCTAVO_OFFLINE is set" in done.stderr


def test_the_system_sees_no_connection(tmp_path: Path) -> None:
    """Native code too: the calls of the process are watched from outside."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace, which is not installed")
    log = tmp_path / "calls"
    command = [
        strace,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        "trace=connect,bind,listen",
        "-e",
        "signal=none",
        "-o",
        str(log),
    ]
    octavo = [sys.executable, "-m", "octavo", "translate", "A man rides a bicycle."]
    done = run([*command, *octavo], tmp_path, ENVIRONMENT)
    if b"ptrace" in done.stderr.lower():
        pytest.skip("strace may not watch processes here")
    assert done.returncode == 0, done.stderr.decode()
    assert log.read_text(encoding="utf-8") == ""

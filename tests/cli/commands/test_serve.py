"""``octavo serve`` where it cannot serve; tests/server/operations/test_drain.py has where it does."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from octavo.cli.commands import serve as command
from octavo.server.operations.listening import listening_socket
from octavo.server.settings import ServerSettings

from ..conftest import Octavo

pytest.importorskip("uvicorn", reason="a service needs octavo[serve]")


def test_a_port_that_is_taken_is_told(octavo_here: Octavo, int8_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = octavo_here("serve", int8_model, "--port", port)
    assert done.returncode == 2
    told = f"octavo: 127.0.0.1, port {port}: another program listens there; stop it, or choose another port"
    assert told in done.stderr.decode()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "no such host"], "no such host, port 0: this machine has no such address"),
        (["--host", "192.0.2.1"], "192.0.2.1, port 0: this machine has no such address"),
        (
            ["--unix-socket", "no/such/folder/s"],
            "no/such/folder/s: cannot listen there: No such file or directory",
        ),
        (["--keys", "none.txt"], "none.txt: No such file or directory"),
        (["--keys", "wrong.txt"], "wrong.txt: line 1 is not NAME sha256:HASH"),
        (["--new-key", "alice"], "--new-key needs --keys FILE"),
        (["--new-key", "a b", "--keys", "k.txt"], "--new-key a b: a name has up to 64 letters"),
    ],
)
def test_what_cannot_be_is_told(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    (tmp_path / "wrong.txt").write_text("alice secret\n")
    done = octavo_here("serve", int8_model, "--port", 0, *options)
    assert done.returncode == 2
    text = re.sub(r"[\s│]+", " ", done.stderr.decode())
    assert told in text


def test_a_socket_that_another_listens_on_stays_and_a_dead_one_goes(
    octavo_here: Octavo, int8_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        done = octavo_here("serve", int8_model, "--unix-socket", path)
    assert f"{path}: another program listens there" in done.stderr.decode()
    assert path.exists()
    listener, address = listening_socket(ServerSettings(unix_socket=path))
    with listener, socket.socket(socket.AF_UNIX) as client:
        listener.listen()
        client.connect(str(path))
    assert address == f"unix:{path}"


def test_a_file_that_is_no_socket_stays(octavo_here: Octavo, int8_model: Path, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    done = octavo_here("serve", int8_model, "--unix-socket", "s")
    assert (done.returncode, (tmp_path / "s").read_text()) == (2, "mine")


def test_a_new_key_is_printed_once_and_kept_as_a_hash(octavo_here: Octavo, tmp_path: Path) -> None:
    done = octavo_here("serve", "--new-key", "alice", "--keys", "keys.txt")
    assert done.returncode == 0
    key = done.stdout.decode().strip()
    assert key.startswith("octavo-")
    assert "keys.txt has the hash of this key" in done.stderr.decode()
    kept = (tmp_path / "keys.txt").read_text()
    assert "alice sha256:" in kept
    assert key not in kept


def test_a_missing_library_is_told(
    octavo_here: Octavo, int8_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name in ("uvicorn", "uvloop") else name)
    done = octavo_here("serve", int8_model)
    assert done.returncode == 2
    told = 'octavo: a service needs uvicorn, uvloop, not installed here; pip install "octavo[serve]"\n'
    assert done.stderr.decode() == told

"""octavo models: list, add, remove, verify; and a model's name wherever a model is named."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ...catalog.loopback import Handler, Loopback, serving, whole
from ...models import language_config, write_tiny_model
from ..conftest import COMMAND, ENVIRONMENT, Octavo


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCTAVO_MODELS", str(tmp_path / "installed"))
    monkeypatch.delenv("OCTAVO_OFFLINE", raising=False)
    return tmp_path / "installed"


def lines(output: bytes) -> list[str]:
    return [" ".join(line.split()) for line in output.decode().splitlines()]


def test_a_model_comes_is_used_and_goes(octavo_here: Octavo, int8_model: Path, folder: Path) -> None:
    done = octavo_here("models", "add", int8_model, "--name", "mine")
    assert (done.returncode, lines(done.stdout)) == (0, ["mine: installed (en to de, 0.3 MB)"])
    by_path = octavo_here("translate", "-m", int8_model, "Bako tire.")
    assert by_path.returncode == 0
    for name in ("mine", folder / "mine"):
        assert octavo_here("translate", "-m", name, "Bako tire.").stdout == by_path.stdout
    assert octavo_here("inspect", "mine").returncode == 0
    assert lines(octavo_here("models", "verify").stdout) == ["mine: OK", "en-de: OK"]
    assert lines(octavo_here("models", "remove", "mine").stdout) == ["mine: removed"]
    done = octavo_here("translate", "-m", "mine", "Bako tire.")
    assert done.returncode == 2
    assert "mine: no such model directory, and no model of that name or pair is installed" in (
        done.stderr.decode()
    )


def test_the_list(octavo_here: Octavo, folder: Path) -> None:
    write_tiny_model(folder / "french", target_language="fr")
    write_tiny_model(folder / "lm", config=language_config())
    (write_tiny_model(folder / "bad") / "config.json").write_text("{}", encoding="utf-8")
    done = octavo_here("models", "list")
    assert b"bad is damaged; `octavo models verify bad` says what is wrong" in done.stderr
    shown = lines(done.stdout)
    assert shown[0] == "Name Languages Weights Size Where"
    assert shown[1] == f"bad damaged {folder}/bad"
    assert shown[2] == f"french en to fr float 0.3 MB {folder}/french"
    assert shown[3] == f"lm en, a language model float 0.3 MB {folder}/lm"
    report = json.loads(octavo_here("models", "list", "--json").stdout)
    assert shown[4] == f"en-de en to de int8 {report['models'][3]['bytes'] / 1e6:.1f} MB in the box"
    assert report["folder"] == str(folder)
    assert [model["name"] for model in report["models"]] == ["bad", "french", "lm", "en-de"]
    assert "no Octavo model directory" in report["models"][0]["problem"]
    assert report["models"][3] | {"path": ""} == {
        "name": "en-de",
        "path": "",
        "boxed": True,
        "source_language": "en",
        "target_language": "de",
        "languages": None,
        "language_model": False,
        "precision": "int8",
        "scheme": "int8",
        "bytes": report["models"][3]["bytes"],
    }


def test_a_damaged_model_is_told(octavo_here: Octavo, folder: Path, int8_model: Path) -> None:
    shutil.copytree(int8_model, folder / "mine")
    (folder / "mine" / "tokenizer.spm").write_bytes(b"x")
    done = octavo_here("models", "verify", "mine", "en-de")
    assert done.returncode == 2
    first, second = lines(done.stdout)
    assert first.startswith(f"mine: damaged: {folder}/mine/tokenizer.spm: 1 bytes where config.json says")
    assert second == "en-de: OK"
    assert octavo_here("models", "verify", "en-de").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["remove", "nothing"],
            "nothing: no model of that name is installed; those that can be removed: none",
        ),
        (["remove", "en-de"], "en-de: comes with Octavo, and cannot be removed"),
        (["verify", "nothing"], "nothing: no model of that name is installed; installed: en-de"),
        (["add", "nothing"], "nothing: no such file or directory; a model is a directory, an archive"),
        (["add", "ftp://example.org/x.zip"], "must begin with https:// or http://"),
        (["add", ".", "--name", "a/b"], "'a/b' cannot be the name of a model"),
    ],
)
def test_what_cannot_be(octavo_here: Octavo, arguments: list[str], words: str) -> None:
    done = octavo_here("models", *arguments)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert done.stdout == b""


COMMANDS = ("align", "bench", "export", "inspect", "perplexity", "quantize", "shortlist")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_a_name(octavo_here: Octavo, folder: Path, command: str) -> None:
    """Each finds the installed model, which is damaged, and says so."""
    (write_tiny_model(folder / "mine") / "config.json").write_text("{}", encoding="utf-8")
    Path("text").write_text("Bako.\n", encoding="utf-8")
    rest = {
        "align": ["--source", "text", "-o", "out"],
        "export": ["--to", "huggingface", "-o", "out"],
        "perplexity": ["text"],
        "quantize": ["-o", "out"],
        "shortlist": ["--source", "text", "-o", "out"],
    }
    done = octavo_here(command, "mine", *rest.get(command, []))
    assert done.returncode == 2
    assert f"{folder}/mine/config.json: " in done.stderr.decode()


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_disk_leaves_no_model(tmp_path: Path, folder: Path, int8_model: Path, packed: bool) -> None:
    """A limit on the size of files stands for the disk."""
    source = int8_model
    if packed:
        source = tmp_path / "packed.tar"
        with tarfile.open(source, "w") as tar:
            tar.add(int8_model, "mine")
    done = subprocess.run(
        [*COMMAND, "models", "add", str(source)],
        env=ENVIRONMENT | {"OCTAVO_MODELS": str(folder)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.decode() == f"octavo: {source}: not installed: {folder}: File too large\n"
    assert list(folder.iterdir()) == []


def test_ctrl_c_keeps_a_download_and_leaves_no_model(tmp_path: Path, folder: Path, int8_model: Path) -> None:
    """The server hangs in the middle of the archive, so the command waits for it when the signal comes."""
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(int8_model, "mine")
    hangs, go_on = threading.Event(), threading.Event()

    def hang(handler: Handler, server: Loopback) -> None:
        whole(breaks_after=20_000)(handler, server)
        handler.wfile.flush()
        hangs.set()
        go_on.wait(60)

    environment = ENVIRONMENT | {"OCTAVO_MODELS": str(folder), "no_proxy": "127.0.0.1"}
    with serving(Loopback(packed.read_bytes(), hang, whole())) as server:
        command = [*COMMAND, "models", "add", server.url]
        options: dict[str, Any] = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **options) as process:
            assert hangs.wait(60)
            while not any(part.stat().st_size == 20_000 for part in folder.rglob("file")):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
        go_on.set()
        assert process.returncode == 130
        assert told == b"octavo: interrupted. What has come is kept: the same command goes on there\n"
        assert [entry.name for entry in folder.iterdir()] == [".downloads"]
        done = subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=environment)
        assert lines(done.stdout) == ["mine: installed (en to de, 0.3 MB)"]
        assert server.requests[-1][1] == "bytes=20000-"

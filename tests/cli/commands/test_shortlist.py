"""``octavo shortlist``: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from octavo import durable
from octavo.artifact import ModelDirectory

from ...models import synthetic_sentences, tiny_config, write_tiny_model
from ..conftest import Octavo
from ..test_bad_input import message

CONFIG = tiny_config(max_positions=256)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "float", config=CONFIG)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "text.en", synthetic_sentences(60))


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_model_with_a_shortlist(octavo_here: Octavo, model: Path, source: Path, tmp_path: Path) -> None:
    options = ("--common", "4", "--per-token", "2", "-t", "1")
    done = octavo_here("shortlist", model, "--source", source, *options, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode()
    for words in ("60 sentences", "5 common tokens", "a sentence, of 96 tokens", "Wrote out"):
        assert words in printed
    shortlist = ModelDirectory.open(tmp_path / "out").shortlist()
    assert shortlist is not None
    assert len(shortlist.common) == 5
    assert "5 common tokens" in octavo_here("inspect", "out").stdout.decode()
    report = json.loads(octavo_here("inspect", "out", "--json").stdout)
    assert report["shortlist"]["common"] == 5


def test_it_is_used_unless_it_is_left_out(octavo_here: Octavo, model: Path, source: Path) -> None:
    octavo_here("shortlist", model, "--source", source, "--common", "1", "--per-token", "0", "-o", "out")
    arguments = ("-i", source, "--scores")
    without = octavo_here("translate", "-m", model, *arguments).stdout
    assert octavo_here("translate", "-m", "out", *arguments).stdout != without
    assert octavo_here("translate", "-m", "out", *arguments, "--shortlist").stdout != without
    assert octavo_here("translate", "-m", "out", *arguments, "--no-shortlist").stdout == without


def test_evaluate_says_whether_it_is_used(octavo_here: Octavo, model: Path, source: Path) -> None:
    octavo_here("shortlist", model, "--source", source, "-o", "out")
    arguments = ("--source", source, "--reference", source)
    assert b"with its shortlist" in octavo_here("evaluate", "-m", "out", *arguments).stdout
    assert b"with its shortlist" not in octavo_here("evaluate", "-m", model, *arguments).stdout
    found = octavo_here("evaluate", "-m", "out", *arguments, "--no-shortlist", "--json").stdout
    assert json.loads(found)["shortlist"] is False


def test_parallel_text_and_a_dev_set(octavo_here: Octavo, model: Path, source: Path, tmp_path: Path) -> None:
    target = write_lines(tmp_path / "text.de", synthetic_sentences(60, 1))
    options = ("--target", target, "--common", "2", "--per-token", "1", "--dev", source, target)
    done = octavo_here("shortlist", model, "--source", source, *options, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"BLEU" in done.stdout
    assert b"of the translations" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "nowhere.en"], "nowhere.en: cannot be read"),
        (["--source", "text.en", "--target", "short.de"], "short.de has fewer lines than text.en"),
        (["--source", "short.de"], "short.de: 3 sentences of a length that fits the model"),
        (["--source", "text.en", "--dev", "text.en", "short.de"], "text.en has 60 lines, short.de 3"),
        (["--source", "latin.en"], "latin.en: line 1 is not UTF-8"),
        (["--source", "text.en", "--common", "0"], "--common"),
    ],
)
def test_what_makes_no_sense(
    octavo_here: Octavo, model: Path, source: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    write_lines(tmp_path / "short.de", synthetic_sentences(3))
    (tmp_path / "latin.en").write_bytes("Bäko tire.\n".encode("latin-1"))
    assert words in message(octavo_here("shortlist", model, *options, "-o", "out"))
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists(octavo_here: Octavo, model: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "out exists" in message(octavo_here("shortlist", model, "--source", source, "-o", "out"))


def test_ctrl_c_says_where_the_counts_are(
    octavo_here: Octavo, model: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, data: bytes) -> None:
        monkeypatch.setattr(durable, "write_file", write_file)
        write_file(path, data)
        signal.raise_signal(signal.SIGINT)

    write_file = durable.write_file
    monkeypatch.setattr(durable, "write_file", interrupted)
    monkeypatch.setattr("octavo.shortlist.counting._SECONDS_BETWEEN_SAVES", -1)
    monkeypatch.setattr("octavo.shortlist.counting.CHUNK_SENTENCES", 10)
    done = octavo_here("shortlist", model, "--source", source, "-o", "out")
    assert done.returncode == 130
    kept = f"finished steps are kept in {tmp_path / '.out.shortlist'}: the same command goes on"
    assert done.stderr.decode() == f"octavo: interrupted. {kept}\n"
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert octavo_here("shortlist", model, "--source", source, "-o", tmp_path / "out").returncode == 0

"""What a user can get wrong: one clear paragraph that names it, exit code 2, no traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ..models import tiny_tokenizer
from .conftest import COMMAND, ENVIRONMENT, Completed, Octavo


def message(done: Completed) -> str:
    """The message of a failed run, its box and line ends removed."""
    assert done.returncode == 2, done.stderr.decode()
    text = done.stderr.decode()
    assert "Traceback" not in text
    return " ".join(text.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())


@pytest.fixture
def broken(float_model: Path, tmp_path: Path) -> Path:
    """A copy of a model, to be broken."""
    return shutil.copytree(float_model, tmp_path / "broken")


@pytest.mark.parametrize("command", ["translate", "inspect"])
def test_no_such_model(octavo_here: Octavo, command: str) -> None:
    arguments = ["nowhere"] if command == "inspect" else ["--model", "nowhere", "Bako."]
    assert "nowhere: no such model directory" in message(octavo_here(command, *arguments))


def test_half_a_tensors_file(octavo_here: Octavo, broken: Path) -> None:
    data = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "model.safetensors" in message(octavo_here("translate", "-m", broken, "Bako."))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.spm"])
def test_a_file_of_the_model_is_missing(octavo_here: Octavo, broken: Path, name: str) -> None:
    (broken / name).unlink()
    assert name in message(octavo_here("translate", "-m", broken, "Bako."))


def test_a_changed_tensors_file(octavo_here: Octavo, broken: Path) -> None:
    data = bytearray((broken / "model.safetensors").read_bytes())
    data[-3] ^= 0x10
    (broken / "model.safetensors").write_bytes(data)
    assert "model.safetensors" in message(octavo_here("translate", "-m", broken, "Bako."))


def test_the_vocabulary_of_another_model(octavo_here: Octavo, broken: Path) -> None:
    tiny_tokenizer(broken / "tokenizer.spm", 80)
    assert "tokenizer.spm" in message(octavo_here("translate", "-m", broken, "Bako."))


def test_an_unknown_key_of_the_configuration(octavo_here: Octavo, broken: Path) -> None:
    path = broken / "config.json"
    config = json.loads(path.read_text())
    config["model"]["colour"] = "blue"
    path.write_text(json.dumps(config))
    assert "'colour'" in message(octavo_here("translate", "-m", broken, "Bako."))


def test_a_configuration_that_is_no_json(octavo_here: Octavo, broken: Path) -> None:
    (broken / "config.json").write_text('{"format": "octavo-model", ')
    assert "config.json" in message(octavo_here("inspect", broken))


def test_int8_on_a_model_that_is_not_quantized(octavo_here: Octavo, float_model: Path) -> None:
    done = octavo_here("translate", "-m", float_model, "--precision", "int8", "Bako.")
    assert "octavo quantize" in message(done)


def test_an_instruction_set_that_does_not_exist(float_model: Path) -> None:
    command = [*COMMAND, "translate", "-m", str(float_model), "Bako."]
    environment = ENVIRONMENT | {"OCTAVO_ISA": "abacus"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    known = "unknown instruction set 'abacus'; known here: reference"
    assert f"octavo: the environment variable OCTAVO_ISA: {known}" in message(done)
    assert str(float_model) not in message(done)


def test_an_instruction_set_may_be_named_in_capitals(float_model: Path) -> None:
    command = [*COMMAND, "translate", "-m", str(float_model), "Bako."]
    environment = ENVIRONMENT | {"OCTAVO_ISA": "REFERENCE"}
    assert subprocess.run(command, capture_output=True, check=False, env=environment).returncode == 0


def test_what_is_no_model_says_what_one_is(octavo_here: Octavo, tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    (tmp_path / "folder").mkdir()
    for name in ("README.md", "folder", "nowhere"):
        shown = message(octavo_here("translate", "--model", name, "Bako."))
        assert "a model is a directory with config.json, the tensors and the vocabulary" in shown
        assert "`octavo convert`" in shown


def test_the_name_of_a_model_at_hugging_face(octavo_here: Octavo) -> None:
    shown = message(octavo_here("convert", "Helsinki-NLP/opus-mt-en-de", "-o", "out"))
    assert "hf download Helsinki-NLP/opus-mt-en-de --local-dir opus-mt-en-de" in shown
    assert "hf download" not in message(octavo_here("convert", "nowhere", "-o", "out"))


@pytest.mark.parametrize(
    "text", ["-5 degrees", "- Bako.", "--Bako tire", "-other people", "-item one", "-model two"]
)
@pytest.mark.parametrize("command", ["translate", "generate"])
def test_a_text_that_begins_with_a_dash(octavo_here: Octavo, command: str, text: str) -> None:
    done = octavo_here(command, "-m", "model", text)
    assert f'If that is text, put -- before it: octavo {command} [OPTIONS] -- "{text}"' in message(done)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--beam", "0"], "--beam"),
        (["--beam", "65"], "--beam"),
        (["--beam", "many"], "--beam"),
        (["--nbest", "5", "--beam", "4"], "--nbest 5 is more than --beam 4"),
        (["--min-length", "9", "--max-length", "3"], "--min-length 9 is more than --max-length 3"),
        (["--precision", "int4"], "--precision"),
        (["--length-penalty", "-1"], "--length-penalty"),
        (["--length-penalty", "nan"], "length"),
        (["--threads", "-1"], "--threads"),
        (["--colour"], "--colour"),
        (["-i", "in.txt"], "not both"),
    ],
)
def test_option_values(octavo_here: Octavo, float_model: Path, options: list[str], words: str) -> None:
    assert words in message(octavo_here("translate", "-m", float_model, "Bako.", *options))


def test_an_unknown_command(octavo_here: Octavo) -> None:
    assert "trnslate" in message(octavo_here("trnslate"))


@pytest.mark.parametrize(("name", "words"), [("nowhere.txt", "cannot be read"), (".", "is a directory")])
def test_input_that_cannot_be_read(octavo_here: Octavo, float_model: Path, name: str, words: str) -> None:
    assert words in message(octavo_here("translate", "-m", float_model, "-i", name))


@pytest.mark.parametrize("name", ["nowhere/out.txt", ".", "file/out.txt"])
def test_output_that_cannot_be_written_is_told_before_the_model_loads(
    octavo_here: Octavo, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("no directory")
    done = octavo_here("translate", "-m", "./no-model-either", "-o", name, "Bako.")
    assert f"{name}: cannot be written" in message(done)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_output_alone(octavo_here: Octavo, tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("old\n")
    message(octavo_here("translate", "-m", "no-model", "-o", "out.txt", "Bako."))
    assert (tmp_path / "out.txt").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_text_that_is_not_utf8_names_the_line_and_keeps_those_before(
    octavo: Octavo, float_model: Path, tmp_path: Path
) -> None:
    good = b"Bako.\n\nTire sal.\n"
    expected = octavo("translate", "-m", float_model, stdin=good).stdout
    written = good + b"caf\xe9\nKo.\n"

    done = octavo("translate", "-m", float_model, stdin=written)
    assert "standard input: line 4 is not UTF-8: byte 0xe9 at its byte 4" in message(done)
    assert done.stdout == expected

    (tmp_path / "in.txt").write_bytes(written)
    done = octavo("translate", "-m", float_model, "-i", "in.txt", "-o", "out.txt")
    assert "in.txt: line 4 is not UTF-8" in message(done)
    assert "3 lines are done, in " in message(done)
    assert (tmp_path / "out.txt.partial").read_bytes() == expected
    assert not (tmp_path / "out.txt").exists()


def test_an_argument_that_is_not_utf8(float_model: Path) -> None:
    command = [*(part.encode() for part in COMMAND), b"translate", b"-m", bytes(float_model), b"caf\xe9"]
    assert "line 1 is not UTF-8" in message(
        subprocess.run(command, capture_output=True, check=False, env=ENVIRONMENT)
    )


def test_the_traceback_is_there_for_who_asks(float_model: Path) -> None:
    command = [*COMMAND, "translate", "-m", str(float_model), "--nbest", "9", "Bako."]
    environment = ENVIRONMENT | {"OCTAVO_DEBUG": "1"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 2
    assert b"Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(b"octavo: --nbest 9")

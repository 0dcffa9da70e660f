"""``octavo convert`` and ``octavo export``."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.conversion.families import names

from ...conversion.marian import edit_json, marian_config, write_marian
from ..conftest import Octavo


def test_there_and_back(octavo_here: Octavo, tmp_path: Path) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    done = octavo_here("convert", "theirs", "-o", "ours", "--target-language", "fr")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Wrote ours: eng to fr\n", b"")
    done = octavo_here("export", "ours", "--to", "huggingface", "-o", "again", "--dtype", "float16")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Wrote again: MarianMTModel\n", b"")
    assert {entry.name for entry in (tmp_path / "again").iterdir()} == {
        *("config.json", "generation_config.json", "tokenizer_config.json", "vocab.json"),
        *("model.safetensors", "source.spm", "target.spm"),
    }
    assert octavo_here("convert", "again", "-o", "ours", "--overwrite").returncode == 0
    assert octavo_here("translate", "--model", "ours", "Ba ko ti.").returncode == 0


def test_what_an_export_leaves_out_is_said(octavo_here: Octavo, tmp_path: Path) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    assert octavo_here("convert", "theirs", "-o", "ours").returncode == 0
    assert octavo_here("quantize", "ours", "-o", "small").returncode == 0
    for to, dtype, end in (
        ("huggingface", "float32", b"MarianMTModel; not written: its int8 arithmetic\n"),
        ("ctranslate2", "float32", b"CTranslate2 in float32; not written: its int8 arithmetic\n"),
        ("ctranslate2", "int8", b"CTranslate2 in int8\n"),
    ):
        done = octavo_here("export", "small", "--to", to, "--dtype", dtype, "-o", f"{to}-{dtype}")
        assert (done.returncode, done.stdout.endswith(end), done.stderr) == (0, True, b""), done.stdout


def test_what_is_left_out_is_said(octavo_here: Octavo, tmp_path: Path) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    edit_json(tmp_path / "theirs" / "generation_config.json", min_length=3)
    done = octavo_here("convert", "theirs", "-o", "ours")
    assert done.returncode == 0
    assert done.stderr == b"octavo: min_length = 3 is not converted\n"


def test_faults_are_one_line(octavo_here: Octavo, tmp_path: Path) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    edit_json(tmp_path / "theirs" / "config.json", architectures=["LlamaForCausalLM"])
    for arguments in (
        ("convert", "theirs", "-o", "ours"),
        ("convert", "nowhere", "-o", "ours"),
        ("export", "theirs", "--to", "huggingface", "-o", "ours"),
    ):
        done = octavo_here(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"octavo: ")
        assert done.stderr.count(b"\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs"]


def test_help_lists_the_kinds_of_models(octavo_here: Octavo) -> None:
    shown = " ".join(octavo_here("convert", "--help").stdout.decode().split())
    assert all(name in shown for name in names())


@pytest.mark.parametrize(
    "command", [["translate", "Bako.", "-m"], ["inspect"], ["quantize", "-o", "out"], ["models", "add"]]
)
def test_a_model_of_another_program_is_to_be_converted(
    octavo_here: Octavo, tmp_path: Path, command: list[str]
) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    done = octavo_here(*command, "./theirs")
    said = done.stderr.decode()
    assert done.returncode == 2
    assert "theirs: is a model of another program: OPUS-MT" in said
    assert "convert it first: `octavo convert " in said


@pytest.mark.parametrize("name", ["model.safetensors", "source.spm"])
def test_a_pointer_of_git_lfs_is_named(octavo_here: Octavo, tmp_path: Path, name: str) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    (tmp_path / "theirs" / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    done = octavo_here("convert", "theirs", "-o", "ours")
    assert f"theirs/{name}: is a Git LFS pointer, not the file; run `git lfs pull`" in done.stderr.decode()


def test_what_is_no_model_to_convert_is_told_apart(
    octavo_here: Octavo, tmp_path: Path, float_model: Path
) -> None:
    write_marian(tmp_path / "theirs", marian_config())
    (tmp_path / "broken.argosmodel").write_bytes(b"PK")
    for path, said in (
        (float_model, "is an Octavo model already"),
        (tmp_path / "theirs/model.safetensors", "name its directory"),
        (tmp_path / "broken.argosmodel", "is a damaged package"),
    ):
        assert said in octavo_here("convert", path, "-o", "ours").stderr.decode()

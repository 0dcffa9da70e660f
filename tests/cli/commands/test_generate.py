"""``octavo generate``: prompts in, lines out."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

import octavo as package

from ...generation.conftest import write_language_model
from ..conftest import COMMAND, ENVIRONMENT, Octavo

DRAWN = ("--seed", 3, "--top-k", 50, "--top-p", 0.9, "--temperature", 0.8, "--max-tokens", 8)
CHANGES = {"seed": 3, "top_k": 50, "top_p": 0.9, "temperature": 0.8, "max_tokens": 8}


@pytest.fixture
def language_model(tmp_path: Path) -> Path:
    return write_language_model(tmp_path / "lm")


def test_a_line_is_continued_as_the_library_does(octavo_here: Octavo, language_model: Path) -> None:
    prompts = ["Ba ko", "", "Ti"]
    with package.load_language_model(language_model) as model:
        expected = model.generate(prompts, **CHANGES, samples=2)
        greedy = model.generate(prompts, max_tokens=8)
    done = octavo_here("generate", "-m", "lm", *DRAWN, "--samples", 2, *prompts)
    assert done.returncode == 0, done.stderr
    rows = [
        f"{line}\t{rank}\t{sample.text}"
        for line, samples in enumerate(expected, 1)
        for rank, sample in enumerate(samples, 1)
    ]
    assert done.stdout.decode().splitlines() == rows
    done = octavo_here("generate", "-m", "lm", "--max-tokens", 8, *prompts)
    assert done.stdout.decode().splitlines() == [samples[0].text for samples in greedy]
    done = octavo_here("generate", "-m", "lm", "--max-tokens", 8, "--without-prompt", *prompts)
    assert done.stdout.decode().splitlines() == [samples[0].added.lstrip() for samples in greedy]


def test_lines_are_numbered_over_blocks_and_files_are_whole(
    octavo_here: Octavo, language_model: Path, tmp_path: Path
) -> None:
    lines = ["Ba", "ko"] * 50  # more than the first block
    (tmp_path / "in.txt").write_text("".join(f"{line}\n" for line in lines))
    done = octavo_here("generate", "-m", "lm", *DRAWN, "-i", "in.txt", "-o", "out.txt")
    assert (done.returncode, done.stdout) == (0, b"")
    with package.load_language_model(language_model) as model:
        expected = [samples[0] for samples in model.generate(lines, **CHANGES)]
    assert (tmp_path / "out.txt").read_text().splitlines() == [sample.text for sample in expected]
    cut = sum(not sample.complete for sample in expected)
    assert f"octavo: {cut} of 100 texts were cut, at --max-tokens or where" in done.stderr.decode()


def test_standard_input(octavo: Octavo, language_model: Path) -> None:
    done = octavo("generate", "-m", "lm", "--max-tokens", 3, stdin=b"Ba\nko\n")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("prompt", ["Ba ko", "", "Ba "])
def test_on_a_terminal_one_prompt_is_continued_as_it_comes(
    octavo_here: Octavo, language_model: Path, tmp_path: Path, prompt: str
) -> None:
    expected = octavo_here("generate", "-m", "lm", *DRAWN, prompt).stdout
    ours, theirs = pty.openpty()
    command = [*COMMAND, "generate", "-m", "lm", *map(str, DRAWN), prompt]
    done = subprocess.run(command, stdout=theirs, check=False, cwd=tmp_path, env=ENVIRONMENT, timeout=120)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert (done.returncode, shown.replace(b"\r\n", b"\n")) == (0, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-m", "float", "Ba"), "is a translation model, and generation is of language models"),
        (("-m", "none", "Ba"), "none"),
        (
            ("-m", "lm", "--temperature", "0", "--top-k", "5", "Ba"),
            "--top-k 5: does nothing at --temperature",
        ),
        (("-m", "lm", "--precision", "int8", "Ba"), "for int8, run `octavo quantize`"),
        (
            ("-m", "lm", "ko " * 80),
            "prompt 1 has 80 tokens; the model has 64 positions, so a prompt may have at most 63",
        ),
    ],
)
def test_what_cannot_be_generated_is_said(
    octavo_here: Octavo,
    language_model: Path,
    float_model: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    (tmp_path / "float").symlink_to(float_model)
    done = octavo_here("generate", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.decode()


def test_a_prompt_and_a_file_are_one_too_many(octavo_here: Octavo, language_model: Path) -> None:
    done = octavo_here("generate", "-m", "lm", "-i", "x", "Ba")
    assert done.returncode == 2
    assert b"not both" in done.stderr

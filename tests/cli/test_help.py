"""Help teaches, and neither help nor a translation loads what it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import octavo as package
from octavo.cli import options
from octavo.translation.options import RANGES

from .conftest import ENVIRONMENT, Octavo

COMMANDS = (
    "translate",
    "serve",
    "corpus",
    "evaluate",
    "perplexity",
    "generate",
    "inspect",
    "doctor",
    "bench",
    "quantize",
    "shortlist",
    "align",
    "train",
    "memory",
    "models",
)


def test_help_names_every_command(octavo_here: Octavo) -> None:
    done = octavo_here("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command in done.stdout.decode()
    assert 'octavo translate "A man rides a bicycle."' in done.stdout.decode()


@pytest.mark.parametrize(
    "command",
    [
        *(
            "translate",
            "serve",
            "corpus",
            "evaluate",
            "generate",
            "perplexity",
            "inspect",
            "doctor",
            "bench",
            "shortlist",
        ),
        *("memory import", "memory export", "memory info"),
        *("models list", "models add", "models remove", "models verify"),
    ],
)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_a_command_has_examples(octavo_here: Octavo, command: str, flag: str) -> None:
    done = octavo_here(*command.split(), flag)
    assert done.returncode == 0
    assert done.stdout.decode().count(f"octavo {command}") >= 3


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("beam", options.BeamOption),
        ("nbest", options.NbestOption),
        ("length_penalty", options.LengthPenaltyOption),
        ("min_length", options.MinLengthOption),
        ("max_length", options.MaxLengthOption),
        ("length_ratio", options.LengthRatioOption),
        ("no_repeat_ngram", options.NoRepeatOption),
        ("repetition_penalty", options.RepetitionPenaltyOption),
        ("word_penalty", options.WordPenaltyOption),
    ],
)
def test_the_command_line_and_the_search_have_the_same_ranges(name: str, option: object) -> None:
    shown = get_args(option)[1]
    assert (shown.min, shown.max) == RANGES[name]


def test_version(octavo_here: Octavo) -> None:
    done = octavo_here("--version")
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"octavo {package.__version__} ")


def test_no_command_shows_help(octavo_here: Octavo) -> None:
    done = octavo_here()
    assert b"Usage" in done.stdout + done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize(
    "arguments", [["--help"], ["translate", "--help"], ["translate", "-m", "MODEL", "Bako."]]
)
def test_heavy_libraries_stay_out(int8_model: Path, arguments: list[str]) -> None:
    script = f"""
import sys
from octavo.cli import main
sys.argv = ["octavo"] + {[str(int8_model) if a == "MODEL" else a for a in arguments]!r}
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = {{"torch", "sacrebleu", "matplotlib", "tensorboard", "starlette", "uvicorn"}} & set(sys.modules)
assert not loaded, loaded
"""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr.decode()

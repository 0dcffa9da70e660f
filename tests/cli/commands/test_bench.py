"""``octavo bench``: the figures of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from octavo.bench.shapes import Shape
from octavo.cli.commands.bench import ShapeName

from ..conftest import Octavo


def test_every_shape_can_be_chosen() -> None:
    assert get_args(ShapeName) == tuple(Shape)


def test_random_tokens_of_forced_length(octavo_here: Octavo, int8_model: Path) -> None:
    done = octavo_here(
        *("bench", int8_model, "--sentences", 6, "--source-tokens", 5, "--forced", 7, "--beam", 2),
        *("--precision", "both", "--threads", 1, "--rounds", 2, "--json"),
    )
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert (report["sentences"], report["source_tokens"], report["forced"]) == (6, 36, 7)
    assert (report["beam"], report["threads"], report["rounds"]) == (2, 1, 2)
    assert list(report["figures"]) == ["int8", "float32"]
    for row in report["figures"].values():
        assert row["target_tokens"] == 42
        low, median, high = (row["tokens_per_second"][key] for key in ("low", "median", "high"))
        assert 0 < low <= median <= high
        assert row["peak_memory_bytes"] > 2**20
        assert row["multiply_adds"] == report["figures"]["int8"]["multiply_adds"] > 0
        if report["isa"] != "reference":
            assert 0 < row["share_of_peak"] < 1


def test_text_in_words(octavo_here: Octavo, int8_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Bako ti.\n\nRe mun sal.\nDer pi.\n")
    arguments = ("--source", "text", "--sentences", 3, "--threads", 1, "--rounds", 1)
    done = octavo_here("bench", int8_model, *arguments, "--latency", "--beam", 1)
    assert done.returncode == 0, done.stderr.decode()
    words = done.stdout.decode()
    assert "2 sentences" in words
    assert "one sentence at a time" in words
    assert "9 of 10" in words
    done = octavo_here("bench", int8_model, *arguments, "--beam", 2)
    assert b"tokens/s" in done.stdout
    assert b"share of peak" not in done.stdout, "how many rows a beam search had is not known"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shape", "base", "--source", "text"), "leave MODEL and --source out"),
        (("MODEL", "--forced", 65), "65 forced tokens: the model makes from 1 to 64"),
        (("MODEL", "--precision", "int8"), "for int8, run `octavo quantize`"),
        (("MODEL", "--source", "empty"), "has no text to translate"),
        (("absent",), "no such model directory"),
    ],
)
def test_what_is_refused(
    octavo_here: Octavo, float_model: Path, tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    done = octavo_here("bench", *(float_model if a == "MODEL" else a for a in arguments), "--rounds", 1)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.decode().replace("│", " ").split())

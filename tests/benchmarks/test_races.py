"""benchmarks/side_by_side.py, shortlist.py and peers.py race their contestants on tiny models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.model.scheme import Scheme

from ..models import NEEDS_TORCH, synthetic_sentences, write_tiny_model

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def float_model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "float")


@pytest.fixture
def int8_model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "int8", scheme=Scheme.INT8)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    lines = [" ".join(line.split()[:3]) for line in synthetic_sentences(4)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def report_of(folder: Path, program: str, *options: object) -> tuple[dict[str, Any], str]:
    """The report of a program that races two rounds, and what it said."""
    output = folder / "report"
    command = [sys.executable, "-W", "error", BENCHMARKS / program, "--rounds", 2, "--threads", 1]
    command += ["--output", output, *options]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    without_plot = "No module named 'matplotlib'" in done.stderr  # the report is written before it is drawn
    assert done.returncode == 0 or without_plot, done.stderr
    report: dict[str, Any] = json.loads(Path(f"{output}.json").read_text(encoding="utf-8"))
    return report, done.stderr


@NEEDS_TORCH
def test_side_by_side(tmp_path: Path, float_model: Path, int8_model: Path, text: Path) -> None:
    models = ["--float-model", float_model, "--int8-model", int8_model]
    report, said = report_of(tmp_path, "side_by_side.py", *models, "--source", text, "--pytorch-batches", 4)
    assert [len(row["seconds"]) for row in report["speed"].values()] == [2, 2, 2]
    assert report["speed"]["PyTorch float32"]["times_pytorch"] == 1
    assert report["int8_times_float32"] > 0
    assert "warm-up: Octavo int8" in said and "round 2: Octavo int8" in said


def test_shortlist(tmp_path: Path, int8_model: Path, text: Path) -> None:
    report, said = report_of(
        tmp_path, "shortlist.py", "--model", int8_model, "--random", 20, 2, "--test", text, text
    )
    (row,) = report["texts"]
    assert row["faster"] > 0 and set(row["ranges"]) == {"whole vocabulary", "shortlist"}
    assert "round 2 of 2: shortlist" in said


def test_peers(tmp_path: Path, float_model: Path, int8_model: Path, text: Path) -> None:
    models = ["--model", float_model, "--int8", int8_model]
    contestants = ["--contestants", "octavo-int8", "octavo-float32"]
    report, said = report_of(tmp_path, "peers.py", *models, *contestants, "--source", text)
    ours, other = report["contestants"].values()
    assert ours["ratio"] == 1 and other["ratio"] > 0 and len(other["seconds"]) == 2
    assert "round 2: Octavo float32" in said

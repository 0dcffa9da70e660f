"""benchmarks/service.py and service_exact.py against a service, with a few sentences."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..models import synthetic_sentences

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("uvicorn", "starlette", "msgspec", "httptools", "uvloop")),
    reason="the service needs the extra serve",
)


def run(program: str, *options: object) -> str:
    command = [sys.executable, "-W", "error", BENCHMARKS / program, "--threads", 1, *options]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    lines = ["A man rides a bicycle.", "Two dogs play in the snow.", "A woman reads.", "It is cold."]
    path.write_text("\n".join(lines + synthetic_sentences(2)) + "\n", encoding="utf-8")
    return path


def test_the_service_is_measured_beside_the_library(text: Path, tmp_path: Path) -> None:
    options = ("--clients", 1, 2, "--rounds", 1, "--output", tmp_path / "report")
    said = run("service.py", "--source", text, *options)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    over_http = {name: rounds for name, rounds in report["runs"].items() if "API" in name}
    assert len(over_http) == 4 and "share of the library's" in said
    for (run_of_round,) in over_http.values():
        assert run_of_round["sentences"] == 6
        assert run_of_round["different"] == run_of_round["failed"] == 0
    assert not (tmp_path / "report.md").read_text(encoding="utf-8").startswith(" ")


def test_answers_are_those_of_single_calls(text: Path) -> None:
    said = run("service_exact.py", "--source", text, "--requests", 22, "--clients", 4)
    assert "DeepL, HTML: 2 of 2 right" in said and "NO" not in said

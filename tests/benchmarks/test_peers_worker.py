"""The contestant processes of benchmarks/peers.py, and its report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.bench.work import Work, forced_options, random_sources
from octavo.engine import Engine
from octavo.model.scheme import Scheme

from ..models import tiny_config, write_tiny_model

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CONFIG = tiny_config()


def answers(spec: dict[str, Any], orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    command = [sys.executable, "-W", "error", BENCHMARKS / "peers_worker.py", json.dumps(spec)]
    text = "".join(json.dumps(order) + "\n" for order in orders)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_worker_translates_as_the_engine_does(tmp_path: Path) -> None:
    from octavo.artifact import ModelDirectory

    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", scheme=Scheme.INT8))
    work = Work(random_sources(CONFIG, [4, 9, 6]), forced_options(model.search, CONFIG, 7, beam=2), 7)
    written = {
        "sources": [source.tolist() for source in work.sources],
        "beam": 2,
        "forced": 7,
        "end_id": CONFIG.eos_id,
        "pad_id": CONFIG.pad_id,
    }
    (tmp_path / "work.json").write_text(json.dumps(written))
    spec = {"kind": "octavo", "precision": "int8", "threads": 1, "streams": 0, "model": str(model.path)}
    orders = [
        {"settings": {}, "first": None, "one_by_one": False},
        {"settings": {}, "first": 2, "one_by_one": True},
    ]
    ready, whole, two = answers(spec | {"work": str(tmp_path / "work.json")}, orders)
    expected = [
        best[0].tokens.tolist() for best in Engine(model, threads=1).translate(work.sources, work.options)
    ]
    assert ready == {"ready": True, "runs_on": []}
    assert (whole["outputs"], two["outputs"]) == (expected, expected[:2])
    assert (len(whole["seconds"]), len(two["seconds"])) == (1, 2)
    assert whole["peak_memory_bytes"] > 2**20


def report(latency: bool) -> dict[str, Any]:
    row = {"median": 200.0, "low": 150.0, "high": 260.0, "ratio": 1.0, "peak_memory_bytes": 3 * 2**20}
    theirs = row | {"ratio": 2.5, "median": 80.0, "low": 70.0, "high": 90.0, "peak_memory_bytes": None}
    run = {
        "model": "random base",
        "beam": 4,
        "date": "2026-11-22",
        "sentences": 1000,
        "source_tokens": 26_000,
        "what": "25 random tokens each",
        "forced": 25,
        "threads": 2,
        "rounds": 3,
        "latency": latency,
        "cpu": "a CPU",
        "isa": "avx2",
        "versions": {"octavo": "1.0", "torch": None},
        "load_average_before": 0.25,
    }
    return {
        "run": run,
        "peak_multiply_adds_per_second": {"float32": 2e11, "int8": 9e11},
        "contestants": {
            "Octavo int8": row | {"share_of_peak": 0.405},
            "CTranslate2 int8 (2 x 1 threads)": theirs,
        },
        "same_outputs": {"these": {"same": 9, "of": 10, "tokens_of_octavo": 100, "tokens_of_the_other": 101}},
        "what_runs": {"CTranslate2 int8": ["Selected ISA: AVX2", "oneDNN ISA: Intel AVX2"]},
    }


@pytest.mark.parametrize("latency", [False, True])
def test_the_report_says_it_all(latency: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import peers_report

    text = peers_report.markdown(report(latency))
    assert ("ms a sentence" in text) == latency
    for words in (
        "1,000 sentences",
        "octavo 1.0;",
        "40.5%",
        "3 MiB",
        "2.50",
        "900 GMAC/s",
        "9 of 10",
        "Selected ISA",
    ):
        assert words in text
    assert "None" not in text
    pytest.importorskip("matplotlib", reason="drawing needs octavo[peers]")
    peers_report.plot(report(latency), tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "Octavo int8" in drawn
    assert ("less is better" in drawn) == latency

"""benchmarks/integer_ablation.py on a tiny model: every form has its row, and the figures belong together."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..models import integer_config, synthetic_sentences, write_tiny_model

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    model = write_tiny_model(
        folder / "model", config=integer_config(encoder_layers=1, decoder_layers=1, max_positions=256)
    )
    texts = {side: folder / f"text.{side}" for side in ("source", "target")}
    for seed, path in enumerate(texts.values()):
        lines = [" ".join(line.split()[:3]) for line in synthetic_sentences(6, seed)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    both = list(map(str, texts.values()))
    command = [sys.executable, "-W", "error", str(BENCHMARKS / "integer_ablation.py"), "--model", str(model)]
    command += ["--calibrate", *both, "--source", both[0], "--reference", both[1], "--limit", "5"]
    command += ["--output", str(folder / "report"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check_row(name: str, row: dict[str, Any], floating: dict[str, Any]) -> None:
    assert row["perplexity"] == pytest.approx(math.exp(row["loss"][0]))
    assert row["loss_change"][0] == pytest.approx(row["loss"][0] - floating["loss"][0], abs=1e-12)
    if name == "float":
        assert row["divergence"] == [0.0, 0.0] and row["other_best_token"] == [0.0, 0.0]
    else:
        assert 0 < row["divergence"][0] < 0.2 and 0 <= row["other_best_token"][0] < 0.5


def test_every_form_is_measured(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    forms = report["forms"]
    assert len(forms) == 16 and sum("only" in name for name in forms) == 6
    for name, row in forms.items():
        check_row(name, row, forms["float"])
    of_parts = [forms[name]["divergence"][0] for name in forms if "only" in name]
    assert max(of_parts) < forms["static, int8 residual"]["divergence"][0]
    table = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in table for name in forms) and "5 sentences" in table


def test_translations_are_scored(tmp_path: Path) -> None:
    done = run(tmp_path, "--translate", "2", "--beam", "2", "--forms", "static", "dynamic")
    assert done.returncode == 0, done.stderr
    forms = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["forms"]
    assert list(forms) == ["float", "static", "dynamic"]
    for row in forms.values():
        assert row["bleu_change"][0] == pytest.approx(row["bleu"] - forms["float"]["bleu"])
        assert row["chrf"] > 0 and row["same_translations"] in (0.0, 0.5, 1.0)
    assert forms["float"]["same_translations"] == 1.0
    assert "beam 2" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_an_unknown_form_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--forms", "static", "statc")
    assert done.returncode != 0 and "no form 'statc'; there are: float; static; dynamic;" in done.stderr

"""benchmarks/integer_table.py, integer_perplexity.py and integer_seeds.py on tiny models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.model.scheme import Scheme

from ..models import (
    NEEDS_TORCH,
    integer_config,
    language_config,
    synthetic_sentences,
    tiny_config,
    write_tiny_model,
)

pytestmark = NEEDS_TORCH

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SOFTMAX, INT8 = "softmax, float32", "softmax, int8"
FLOAT, STATIC, DYNAMIC = (
    f"Integer Transformer, {form}" for form in ("float32", "integers", "dynamic integers")
)


def run(program: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / program), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def models(folder: Path, softmax: ModelConfig, integer: ModelConfig) -> list[object]:
    """Options for one model of each kind, and what both programs share."""
    float_model = write_tiny_model(folder / "float", config=softmax)
    int8_model = write_tiny_model(folder / "int8", config=softmax, scheme=Scheme.INT8_DYNAMIC)
    integer_float = write_tiny_model(folder / "integer-float", config=integer)
    integers = write_tiny_model(folder / "integer", config=integer, scheme=Scheme.INTEGER)
    return [
        *("--softmax", float_model, "--int8", int8_model),
        *("--integer-float", integer_float, "--integer", integers),
        *("--dynamic", "--rounds", 2, "--rest", 0, "--threads", 1, "--output", folder / "report"),
    ]


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert list(found["rows"]) == [SOFTMAX, INT8, FLOAT, STATIC, DYNAMIC]
    table = (folder / "report.md").read_text(encoding="utf-8")
    assert all(f"| {row} | " in table for row in found["rows"])
    for row, values in found["rows"].items():
        assert ("tokens_per_second" in values) == (row not in (FLOAT, DYNAMIC))
    assert found["rows"][STATIC]["tensor_bytes"] < 0.5 * found["rows"][SOFTMAX]["tensor_bytes"]
    return found


def write_test_set(folder: Path) -> list[object]:
    """The option that names it."""
    for seed, side in enumerate(("en", "de")):
        lines = [" ".join(line.split()[:3]) for line in synthetic_sentences(3, seed)]
        (folder / f"test.{side}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ["--test", folder / "test.en", folder / "test.de"]


def test_every_form_translates(tmp_path: Path) -> None:
    options = models(tmp_path, tiny_config(max_positions=256), integer_config(max_positions=256))
    done = run("integer_table.py", *options, *write_test_set(tmp_path))
    assert done.returncode == 0, done.stderr
    for row, values in report(tmp_path)["rows"].items():
        quality = values["quality"]["test"]
        assert quality["bleu"] >= 0 and quality["low"] <= quality["high"]
        assert row != SOFTMAX or quality["change"] == 0


def test_seeds_are_compared_and_averaged(tmp_path: Path) -> None:
    softmax = write_tiny_model(tmp_path / "float", config=tiny_config(max_positions=256))
    integer = integer_config(max_positions=256)
    seeds = [
        write_tiny_model(tmp_path / name, config=integer, scheme=Scheme.INTEGER, seed=seed)
        for seed, name in enumerate(("one", "two"))
    ]
    options = ["--softmax", softmax, "--integer", *seeds, "--threads", 1, "--output", tmp_path / "report"]
    done = run("integer_seeds.py", *options, *write_test_set(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["models"] == [str(seed) for seed in seeds]
    test = found["tests"]["test"]
    assert test["mean"] == pytest.approx(test["softmax"] + test["mean_change"])
    assert test["mean"] == pytest.approx(sum(one["bleu"] for one in test["integer"]) / 2)
    assert f"| {seeds[0]} | {seeds[1]} | mean |" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_every_form_scores(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{line}\n" for line in synthetic_sentences(8)), encoding="utf-8")
    integer = language_config(attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1)
    options = [*models(tmp_path, language_config(), integer), "--text", text, "--context", 16, "--stride", 8]
    done = run("integer_perplexity.py", *options, "--timed", 3, "--dynamic-windows", 6)
    assert done.returncode == 0, done.stderr
    rows = report(tmp_path)["rows"]
    for row, values in rows.items():
        change, low, high = values["change"]
        assert low <= change <= high
        if row != DYNAMIC:
            assert change == pytest.approx(values["per_word"] / rows[SOFTMAX]["per_word"] - 1)
    assert rows[SOFTMAX]["change"] == [0, 0, 0]
    # Both are one float model; the paper's form of it stays near.
    assert abs(rows[DYNAMIC]["change_of_integers"][0]) < 0.05
    assert rows[DYNAMIC]["scored_tokens"] == 16 + 5 * 8 < rows[STATIC]["scored_tokens"]


def test_the_dynamic_form_needs_float_weights(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    done = run("integer_perplexity.py", "--softmax", "a", "--integer", "b", "--dynamic", "--text", text)
    assert done.returncode != 0 and "--dynamic needs --integer-float" in done.stderr


def test_a_model_that_is_not_its_rows_is_refused(tmp_path: Path) -> None:
    float_model = write_tiny_model(tmp_path / "float", config=language_config())
    options = ["--softmax", float_model, "--integer", float_model]
    done = run("integer_perplexity.py", *options, "--text", tmp_path / "text.txt")
    assert done.returncode != 0 and "softmax attention and scheme none: not Integer Tr" in done.stderr

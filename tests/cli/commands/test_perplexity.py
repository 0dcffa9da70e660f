"""``octavo perplexity``; and what says of a language model that it does not translate."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from octavo.engine import Engine

from ...models import NEEDS_TORCH, language_config, synthetic_sentences, write_tiny_model
from ..conftest import Octavo
from ..test_bad_input import message

REFUSED = "octavo: lm: is a language model, and {} needs a translation model; use `octavo perplexity` to"


@pytest.fixture
def language_model(tmp_path: Path) -> Path:
    """And beside it text.txt."""
    (tmp_path / "text.txt").write_text("".join(f"{line}\n" for line in synthetic_sentences(6)))
    return write_tiny_model(tmp_path / "lm", config=language_config())


def test_perplexity_is_printed_and_is_json(octavo_here: Octavo, language_model: Path) -> None:
    done = octavo_here("perplexity", language_model, "text.txt", "--json", "--context", 8)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["engine"], report["precision"], report["context"], report["stride"]) == (
        *("octavo", "float32"),
        *(8, 4),
    )
    mean = -report["log_likelihood"] / report["tokens"]
    assert report["perplexity_per_token"] == pytest.approx(math.exp(mean))
    shown = octavo_here("perplexity", language_model, "text.txt", "--context", 8).stdout.decode()
    assert f"perplexity      {report['perplexity_per_token']:.3f} per token" in shown
    assert f"                {report['perplexity_per_word']:.3f} per word" in shown
    assert f"text            6 lines, {report['tokens']:,} tokens, {report['words']:,} words" in shown


@NEEDS_TORCH
@pytest.mark.parametrize("threads", [1, 3])
def test_the_engine_and_pytorch_agree(octavo_here: Octavo, language_model: Path, threads: int) -> None:
    def measured(model: Path | str, *arguments: object) -> dict[str, Any]:
        done = octavo_here("perplexity", model, "text.txt", "--json", "--context", 16, *arguments)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    reference = measured(language_model, "--engine", "pytorch")
    assert (reference["engine"], reference["precision"]) == ("pytorch", "float32")
    found = measured(language_model, "--threads", threads)
    assert found["log_likelihood"] == pytest.approx(reference["log_likelihood"], rel=1e-6)
    assert octavo_here("quantize", language_model, "-o", "int8").returncode == 0
    quantized = measured("int8", "--threads", threads)
    assert (quantized["precision"], quantized["tokens"]) == ("int8", reference["tokens"])
    assert quantized["log_likelihood"] == pytest.approx(reference["log_likelihood"], rel=0.02)
    done = octavo_here("perplexity", "--engine", "pytorch", "--precision", "int8", "int8", "text.txt")
    assert done.returncode == 2
    assert b"--engine pytorch computes in float32" in done.stderr


def test_the_context_is_that_of_training_unless_told_otherwise(
    octavo_here: Octavo, language_model: Path
) -> None:
    def context() -> int:
        done = octavo_here("perplexity", language_model, "text.txt", "--json")
        report = json.loads(done.stdout)
        assert report["stride"] == report["context"] // 2
        return int(report["context"])

    assert context() == 64
    (language_model / "quality.json").write_text(json.dumps({"dev": [{"set": "x", "context": 16}]}))
    assert context() == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lm", "text.txt", "--context", 65), "--context 65: must be from 1 to the model's 64 positions"),
        (("lm", "text.txt", "--context", 4, "--stride", 5), "--stride 5: must be from 1 to --context 4"),
        (("lm", "empty.txt"), "empty.txt: has no lines"),
        (("lm", "none.txt"), "none.txt"),
        (("float", "text.txt"), "is a translation model, and perplexity is of language models; `octavo eval"),
    ],
)
def test_what_cannot_be_measured_is_said(
    octavo_here: Octavo,
    language_model: Path,
    float_model: Path,
    tmp_path: Path,
    arguments: tuple[object, ...],
    message: str,
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "float").symlink_to(float_model)
    done = octavo_here("perplexity", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@NEEDS_TORCH
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("translate", "--model", "lm", "A text."), "translation"),
        (("evaluate", "-m", "lm", "--source", "text.txt", "--reference", "text.txt"), "translation"),
        (
            (
                "evaluate",
                "-m",
                "lm",
                "--engine",
                "pytorch",
                "--source",
                "text.txt",
                "--reference",
                "text.txt",
            ),
            "translation",
        ),
        (("export", "lm", "--to", "huggingface", "-o", "hf"), "`octavo export`"),
        (("shortlist", "lm", "--source", "text.txt", "-o", "fast"), "`octavo shortlist`"),
        (("bench", "lm"), "`octavo bench`"),
    ],
)
def test_a_language_model_translates_nothing(
    octavo_here: Octavo, language_model: Path, arguments: tuple[str, ...], what: str
) -> None:
    done = octavo_here(*arguments)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(REFUSED.format(what))
    assert done.stderr.count(b"\n") == 1
    assert not [path for path in language_model.parent.iterdir() if path.name in ("int8", "hf", "fast")]


def test_a_language_model_is_quantized_without_text(octavo_here: Octavo, language_model: Path) -> None:
    done = octavo_here("quantize", "lm", "--calibrate", "text.txt", "-o", "int8")
    assert "whose inputs get their scales at run time" in message(done)


def test_inspect_shows_a_language_model(octavo_here: Octavo, language_model: Path) -> None:
    report = json.loads(octavo_here("inspect", language_model, "--json").stdout)
    assert report["kind"] == "language model"
    assert report["products"]["all"] == 2 * 8 + 1
    assert not [name for name in report["parts"] if name.startswith("encoder")]
    shown = octavo_here("inspect", language_model).stdout.decode()
    assert shown.startswith("tiny: en, language model, weights floating point\n")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_scores_that_are_no_numbers_are_refused(
    octavo_here: Octavo, language_model: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    def damaged(engine: Engine, texts: Any, scored: Any) -> list[list[float]]:
        return [[math.nan] * count for count in scored]

    monkeypatch.setattr(Engine, "score_last", damaged)
    done = octavo_here("perplexity", language_model, "text.txt", *options)
    assert "the model's scores are not finite; its weights may be damaged" in message(done)
    assert done.stdout == b""


def test_a_perplexity_beyond_all_numbers(
    octavo_here: Octavo, language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlikely(engine: Engine, texts: Any, scored: Any) -> list[list[float]]:
        return [[-500.0] * count for count in scored]

    monkeypatch.setattr(Engine, "score_last", unlikely)
    report = json.loads(octavo_here("perplexity", language_model, "text.txt", "--json").stdout)
    assert report["perplexity_per_token"] == pytest.approx(math.exp(500))
    assert report["perplexity_per_word"] is None
    shown = octavo_here("perplexity", language_model, "text.txt").stdout
    assert b"                beyond 1e304 per word" in shown

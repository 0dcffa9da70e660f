"""``octavo quantize`` of an Integer Transformer: integers alone, measured, or one clear sentence."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.model.scheme import Scheme

from ....models import (
    NEEDS_TORCH,
    integer_config,
    language_config,
    random_tensors,
    synthetic_sentences,
    write_tiny_model,
)
from ...conftest import Octavo
from ...test_bad_input import message
from .test_command import write_lines

pytestmark = NEEDS_TORCH

CONFIG = integer_config(encoder_layers=1, decoder_layers=1, max_positions=256)
QUICK = ("--method", "naive", "-t", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    return write_tiny_model(directory / "float", config=CONFIG)


@pytest.fixture(scope="module")
def decisive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that rounding cannot change the mind of: biases decide what it says."""
    config = dataclasses.replace(CONFIG, output_bias=True)
    tensors = random_tensors(config)
    tensors["output.bias"] = np.linspace(0, 20, 96, dtype=np.float32)
    directory = tmp_path_factory.mktemp("models")
    return write_tiny_model(directory / "float", config=config, tensors=tensors, quality={"dev": {"bleu": 1}})


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "text.en", synthetic_sentences(20))


@pytest.fixture
def dev(tmp_path: Path) -> tuple[Path, Path]:
    source = write_lines(tmp_path / "dev.en", synthetic_sentences(16, 1))
    return source, write_lines(tmp_path / "dev.de", synthetic_sentences(16, 2))


def test_integers_are_frozen_measured_and_run(
    octavo_here: Octavo, decisive: Path, text: Path, dev: tuple[Path, Path], tmp_path: Path
) -> None:
    judged = ("--dev", *dev, "--max-drop", "100", "--metric", "chrf")
    done = octavo_here("quantize", decisive, "--calibrate", text, *QUICK, *judged, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    for words in (b"kept: at most 100 chrF lost", b"Loss on 16 lines", b"KL from float32", b"Wrote out"):
        assert words in done.stdout
    written = ModelDirectory.open(tmp_path / "out")
    assert written.scheme is Scheme.INTEGER
    assert written.integer_scales is not None
    assert written.quality["float_model"] == {"dev": {"bleu": 1}}
    assert written.quality["quantization"]["scheme"] == "integer"
    record = written.quality["calibration"]
    assert record["calibration"]["method"] == "naive"
    assert [file["name"] for file in record["calibration"]["files"]] == ["text.en", "dev.en", "dev.de"]
    assert record["verdict"]["metric"] == "chrf"
    assert abs(record["loss"]["integer"] - record["loss"]["float32"]) < 0.2
    assert 0 < record["divergence"] < 0.2
    assert record["run"]["date"]
    assert not (tmp_path / ".out.calibration").exists()
    assert octavo_here("translate", "-m", "out", "Bako tire.").returncode == 0


def test_without_a_dev_set(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    record = ModelDirectory.open(tmp_path / "out").quality["calibration"]
    assert (record["loss"], record["verdict"]) == (None, None)
    assert record["divergence"] > 0
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "out" / "model.safetensors"
    ).read_bytes()


def test_over_budget_nothing_is_written_and_steps_are_kept(
    octavo_here: Octavo, model: Path, text: Path, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "dev.en", synthetic_sentences(16, 1))
    evaluated = ("--engine", "pytorch", "--source", source, "--reference", source)
    octavo_here("evaluate", "-m", model, *evaluated, "-o", tmp_path / "dev.de")  # float32 scores 100 there
    given = ("--calibrate", text, *QUICK, "--dev", source, tmp_path / "dev.de", "-o", "out")
    done = octavo_here("quantize", model, *given, "--max-drop", "0", "--metric", "chrf")
    assert "no model was written: in integers the budget does not hold (" in message(done)
    assert not (tmp_path / "out").exists()
    kept = sorted(path.name.split("-")[0] for path in (tmp_path / ".out.calibration").glob("*.json"))
    assert kept == ["dev", "dev", "loss", "observations", "own"]


@pytest.mark.parametrize(
    "options",
    [
        ("--smooth",),
        ("--no-bias-correction",),
        ("--coverage", "paper"),
        ("--inputs", "static"),
        ("--float32", "output"),
        ("--report", "report.html", "--dev", "text.en", "text.en"),
    ],
    ids=lambda options: options[0],
)
def test_options_of_other_models(
    octavo_here: Octavo, model: Path, text: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = octavo_here("quantize", model, "--calibrate", text, *options, "-o", "out")
    assert f"{options[0].replace('--no-', '--')} is for models with softmax attention" in message(done)
    assert not (tmp_path / "out").exists()


def test_a_language_model_is_frozen_by_the_text_itself(
    octavo_here: Octavo, text: Path, tmp_path: Path
) -> None:
    parts = {"attention": CONFIG.attention, "norm_function": CONFIG.norm_function}
    write_tiny_model(tmp_path / "lm", config=language_config(**parts), target_language="en")
    done = octavo_here("quantize", "lm", "--calibrate", text, *QUICK, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert b"KL from float32" in done.stdout
    measured = [
        json.loads(octavo_here("perplexity", *arguments, text, "--json").stdout)
        for arguments in (("lm", "--engine", "pytorch"), ("out",))
    ]
    assert [report["precision"] for report in measured] == ["float32", "integer"]
    assert measured[1]["log_likelihood"] == pytest.approx(measured[0]["log_likelihood"], rel=0.1)
    assert octavo_here("generate", "-m", "out", "--max-tokens", 3, "Ba").returncode == 0
    done = octavo_here("quantize", "lm", "--calibrate", text, "--dev", text, text, "-o", "other")
    assert "is a language model, which translations cannot judge: leave --dev out" in message(done)
    done = octavo_here("perplexity", "lm", text)
    assert "run `octavo quantize` for integer, or `octavo perplexity --engine pytorch` runs it" in message(
        done
    )


def test_it_needs_text(octavo_here: Octavo, model: Path) -> None:
    done = octavo_here("quantize", model, "-o", "out")
    assert "is an Integer Transformer, and integers need ranges: add --calibrate SRC" in message(done)


def test_integers_are_not_quantized_again(octavo_here: Octavo, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "integers", scheme=Scheme.INTEGER)
    done = octavo_here("quantize", "integers", "-o", "out")
    assert "integers: is quantized already (integer); quantize its float model" in message(done)


def test_it_needs_pytorch(
    octavo_here: Octavo, model: Path, text: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = octavo_here("quantize", model, "--calibrate", text, *QUICK, "-o", "out")
    assert "this needs PyTorch, which is not installed: pip install 'octavo[train]'" in message(done)
    assert not (tmp_path / "out").exists()


def test_models_without_an_integer_form(octavo_here: Octavo, text: Path, tmp_path: Path) -> None:
    post = integer_config(norm="post")
    write_tiny_model(tmp_path / "post", config=type(post).from_dict(post.to_dict()))
    done = octavo_here("quantize", "post", "--calibrate", text, *QUICK, "-o", "out")
    assert "octavo: post: the model has norm = post; only pre-norm models" in message(done)
    write_tiny_model(tmp_path / "integers", config=CONFIG, scheme=Scheme.INTEGER)
    done = octavo_here("quantize", "integers", "--calibrate", text, *QUICK, "-o", "out")
    assert "is quantized already (integer); quantize its float model" in message(done)
    spoilt = random_tensors(CONFIG)
    spoilt["encoder.norm.weight"][:] = 1e38
    write_tiny_model(tmp_path / "spoilt", config=CONFIG, tensors=spoilt)
    done = octavo_here("quantize", "spoilt", "--calibrate", text, *QUICK, "-o", "out")
    assert "octavo: spoilt: sentence 0: the model's scores are not finite" in message(done)
    assert not (tmp_path / "out").exists()

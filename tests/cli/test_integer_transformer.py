"""An Integer Transformer on the command line: what runs it, and what refuses it in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.model.config import AttentionFunction, ModelConfig
from octavo.model.scheme import Scheme

from ..models import NEEDS_TORCH, integer_config, synthetic_sentences, write_tiny_model
from .conftest import Octavo
from .test_bad_input import message

L1_ALONE = integer_config(attention=AttentionFunction.SOFTMAX)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.aa"
    path.write_text("".join(f"{line}\n" for line in synthetic_sentences(20)))
    return path


@pytest.fixture(params=[integer_config(), L1_ALONE], ids=["polynomial", "l1"])
def configured(request: pytest.FixtureRequest) -> ModelConfig:
    config: ModelConfig = request.param
    return config


@pytest.fixture
def model(configured: ModelConfig, tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "integer", config=configured)


def test_what_it_is_can_be_seen(octavo_here: Octavo, model: Path, configured: ModelConfig) -> None:
    report = json.loads(octavo_here("inspect", model, "--json").stdout)
    assert report["config"] == configured.to_dict()
    polynomials = [tensor for tensor in report["tensors"] if ".polynomial." in tensor["name"]]
    assert len(polynomials) == (12 if configured.attention is AttentionFunction.POLYNOMIAL else 0)
    assert octavo_here("inspect", model).returncode == 0


@NEEDS_TORCH
def test_the_pytorch_reference_translates_with_it(octavo_here: Octavo, model: Path, text: Path) -> None:
    files = ("--source", text, "--reference", text, "--limit", 5)
    done = octavo_here("evaluate", "-m", model, "--engine", "pytorch", *files, "-o", "out.txt")
    assert done.returncode == 0, done.stderr.decode()
    assert len((model.parent / "out.txt").read_text().splitlines()) == 5


def test_the_engine_refuses_it(octavo_here: Octavo, model: Path, configured: ModelConfig) -> None:
    pytorch = "`octavo evaluate --engine pytorch` runs it"
    polynomial = configured.attention is AttentionFunction.POLYNOMIAL
    expected = (
        f"octavo: integer: has {configured.integer_transformer_part}, and the engine runs softmax attention "
        f"and layer norm only; {'run `octavo quantize` for integer, or ' if polynomial else ''}{pytorch}"
    )
    for precision in ("float32", "int8"):
        done = octavo_here("translate", "-m", "integer", "--precision", precision, "Bako.")
        assert message(done) == expected
    done = octavo_here("translate", "-m", "integer", "--precision", "integer", "Bako.")
    assert message(done) == (
        "octavo: integer: is a floating-point model; for integer, run `octavo quantize`"
        if polynomial
        else f"octavo: integer: has attention = softmax, which does not run in integer; {pytorch}"
    )


@pytest.mark.parametrize("calibrating", [False, True], ids=["dynamic", "calibrated"])
def test_quantize_refuses_l1_norm_alone(
    octavo_here: Octavo, tmp_path: Path, text: Path, calibrating: bool
) -> None:
    write_tiny_model(tmp_path / "integer", config=L1_ALONE)
    options = ("--calibrate", text) if calibrating else ()
    done = octavo_here("quantize", "integer", "-o", "int8", *options)
    assert message(done) == (
        "octavo: integer: the model has norm_function = l1-layer-norm; only models with softmax attention "
        "and layer norm can be quantized"
    )
    assert not (tmp_path / "int8").exists()


def test_export_refuses_it(octavo_here: Octavo, model: Path, configured: ModelConfig) -> None:
    done = octavo_here("export", "integer", "--to", "huggingface", "-o", "theirs")
    part = configured.integer_transformer_part
    assert message(done).startswith("octavo: integer: Transformers' Pegasus")
    assert f"({part})" in message(done)
    assert not (model.parent / "theirs").exists()


@pytest.fixture
def integer_model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "integers", scheme=Scheme.INTEGER)


def test_a_model_of_integers_translates(octavo_here: Octavo, integer_model: Path, text: Path) -> None:
    """By default in integer; all the same by name."""
    found = [
        octavo_here("translate", "-m", integer_model, "-i", text, "--scores", *precision).stdout
        for precision in ((), ("--precision", "integer"))
    ]
    assert found[0] == found[1]
    assert len(found[0].splitlines()) == 20
    files = ("--source", text, "--reference", text, "--limit", 5)
    report = json.loads(octavo_here("evaluate", "-m", integer_model, *files, "--json").stdout)
    assert (report["scheme"], report["precision"], report["lines"]) == ("integer", "integer", 5)


def test_a_model_of_integers_is_measured(octavo_here: Octavo, integer_model: Path) -> None:
    done = octavo_here(
        *("bench", integer_model, "--sentences", 3, "--source-tokens", 5, "--forced", 4, "--rounds", 1),
        *("--threads", 1, "--json"),
    )
    assert done.returncode == 0, done.stderr.decode()
    figures = json.loads(done.stdout)["figures"]
    assert list(figures) == ["integer"]
    assert figures["integer"]["target_tokens"] == 12


@NEEDS_TORCH
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("translate", "-m", "integers", "--precision", "int8", "Bako."), "run it in integer, not in int8"),
        (
            ("translate", "-m", "integers", "--precision", "float32", "Ti."),
            "run it in integer, not in float32",
        ),
        (("bench", "integers", "--precision", "both"), "run it in integer, not in int8"),
        (
            ("bench", "--shape", "opus", "--precision", "integer"),
            "has norm = post, which does not run in integer",
        ),
        (
            (
                "evaluate",
                "-m",
                "integers",
                "--engine",
                "pytorch",
                "--source",
                "text.aa",
                "--reference",
                "text.aa",
            ),
            "PyTorch computes in float32; leave --engine out",
        ),
        (
            ("shortlist", "integers", "--source", "text.aa", "-o", "short"),
            "build the shortlist from the model it was quantized from",
        ),
    ],
)
def test_what_a_model_of_integers_refuses(
    octavo_here: Octavo, integer_model: Path, text: Path, arguments: tuple[object, ...], expected: str
) -> None:
    done = octavo_here(*arguments)
    assert done.returncode == 2
    assert expected in message(done)

"""Runs that start from a model, in float and with quantization in the loop."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from octavo.artifact import ModelDirectory
from octavo.errors import ModelError, OctavoError
from octavo.model.architecture import products
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.quantization import quantize_model
from octavo.training.recipe import RecipeError
from octavo.training.run import train

from .test_run import edit, newest


def dev_loss(model: Path, key: str = "dev") -> float:
    loss: float = ModelDirectory.open(model).quality[key][0]["loss"]
    return loss


def first_loss(shown: str) -> tuple[float, str]:
    """The loss that a run says it starts from, and how the model was computed."""
    found = re.search(r"starting from .*: dev loss ([\d.]+) \((\w+)\)", shown)
    assert found
    return float(found[1]), found[2]


def test_a_run_goes_on_from_a_model(
    recipe_path: Path, tmp_path: Path, trained_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 15")
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    assert first_loss(capsys.readouterr().err) == (dev_loss(trained_model), "float32")
    assert dev_loss(path) < dev_loss(trained_model)
    assert "dev_quantized" not in ModelDirectory.open(path).quality
    assert not (tmp_path / "run/plan.json").exists()


def test_a_rate_of_nothing_leaves_the_model_as_it_was(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    edit(recipe_path, "peak = 0.01", "peak = 1e-30")
    edit(recipe_path, "max_updates = 40", "max_updates = 3")
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    before, after = ModelDirectory.open(trained_model), ModelDirectory.open(path)
    for name, array in before.tensors():
        np.testing.assert_array_equal(after.tensor(name), array, err_msg=name)


def test_the_vocabulary_is_the_models_whatever_the_text(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 3")
    (tmp_path / "train.aa").write_text((tmp_path / "train.bb").read_text())
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    assert (path / "tokenizer.spm").read_bytes() == (trained_model / "tokenizer.spm").read_bytes()


def test_a_quantized_run_writes_a_float_model_and_its_ranges(
    recipe_path: Path, tmp_path: Path, trained_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(recipe_path, tmp_path / "run", init=trained_model, quantize=True)
    loss, kind = first_loss(capsys.readouterr().err)
    assert kind == "quantized"
    assert loss == pytest.approx(dev_loss(trained_model), abs=0.02)
    assert dev_loss(path, "dev_quantized") < loss
    assert dev_loss(path) == pytest.approx(dev_loss(path, "dev_quantized"), abs=0.02)
    model = ModelDirectory.open(path)
    assert model.scheme is Scheme.NONE
    plan = QuantizationPlan.from_dict(json.loads((tmp_path / "run/plan.json").read_text()))
    plan.check(model.config)
    assert plan.float32 == frozenset()
    averaged = [
        safetensors.numpy.load_file(tmp_path / f"run/snapshots/update-{update:08d}.safetensors")["log_scales"]
        for update in model.quality["training"]["averaged_updates"]
    ]
    expected = np.exp(np.mean(averaged, axis=0, dtype=np.float64))
    scales = [how.scale for how in plan.inputs.values() if how] + [s for h in plan.heads.values() for s in h]
    np.testing.assert_allclose(sorted(scales), sorted(expected), rtol=1e-6)


def test_a_section_in_the_recipe_turns_quantization_on(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 3")
    edit(recipe_path, "[search]", '[quantization]\nfloat32 = ["output"]\nobserve_batches = 2\n\n[search]')
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    plan = QuantizationPlan.from_dict(json.loads((tmp_path / "run/plan.json").read_text()))
    plan.check(ModelDirectory.open(path).config)
    assert plan.float32 == {"output"}
    edit(recipe_path, '"output"', '"output", "decoder.layers.0.feed_forward.outer"')
    with pytest.raises(RecipeError, match="this run began with another quantization"):
        train(recipe_path, tmp_path / "run", init=trained_model)


def test_what_a_run_started_from_stays(recipe_path: Path, tmp_path: Path, trained_model: Path) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 3")
    run = tmp_path / "run"
    other = train(recipe_path, run, init=trained_model)
    with pytest.raises(RecipeError, match="this run began with another quantization"):
        train(recipe_path, run, init=trained_model, quantize=True)
    with pytest.raises(RecipeError, match="this run began with another --init model"):
        train(recipe_path, run, init=other)
    with pytest.raises(RecipeError, match="this run began with another --init model"):
        train(recipe_path, run)
    moved = shutil.copytree(trained_model, tmp_path / "moved")
    train(recipe_path, run, init=moved)
    assert newest(run, "").name == "update-00000003"


def refused(recipe_path: Path, run: Path, init: Path | None, error: type[OctavoError], message: str) -> None:
    with pytest.raises(error, match=message):
        train(recipe_path, run, init=init, quantize=True)


def test_what_no_run_can_start_from(recipe_path: Path, tmp_path: Path, trained_model: Path) -> None:
    run = tmp_path / "run"
    refused(recipe_path, run, None, RecipeError, r"recipe\.toml: .* starts from a trained model; .* --init$")
    refused(recipe_path, run, tmp_path / "absent", ModelError, "absent: no such model directory")
    int8 = tmp_path / "int8"
    quantize_model(trained_model, int8)
    refused(recipe_path, run, int8, RecipeError, "int8: its weights are quantized .*start from the floating")
    edit(recipe_path, "d_model = 16", "d_model = 24")
    refused(recipe_path, run, trained_model, RecipeError, "has d_model = 16, the recipe asks for 24")
    edit(recipe_path, "size = 80", "size = 70")
    refused(recipe_path, run, trained_model, RecipeError, r"size = 70, but .*tokenizer\.spm has 80 tokens")
    edit(recipe_path, "size = 70", "size = 80\nshared = false")
    refused(recipe_path, run, trained_model, RecipeError, "shared = false, but .* has one vocabulary")
    assert not list(run.glob("checkpoints/*"))


def test_quantization_leaves_any_product_that_is_named(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 2")
    every = [product.name for product in products(ModelDirectory.open(trained_model).config)]
    edit(recipe_path, "[search]", f"[quantization]\nfloat32 = {every}\n\n[search]")
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    assert dev_loss(path) == dev_loss(path, "dev_quantized")


def test_a_teacher_alone_teaches_what_it_would_say(
    recipe_path: Path, tmp_path: Path, trained_model: Path
) -> None:
    """With the teacher's predictions alone there is nothing to learn for the teacher itself."""
    edit(recipe_path, "peak = 0.01", "peak = 0.001")
    edit(recipe_path, "max_updates = 40", "max_updates = 3\ndistillation = 1.0")
    path = train(recipe_path, tmp_path / "run", init=trained_model)
    before, after = ModelDirectory.open(trained_model), ModelDirectory.open(path)
    assert abs(dev_loss(path) - dev_loss(trained_model)) < 0.01
    assert any((after.tensor(name) != array).any() for name, array in before.tensors())


def test_a_teacher_is_the_model_to_start_from(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "max_updates = 40", "max_updates = 3\ndistillation = 0.5")
    with pytest.raises(
        RecipeError, match=r"training\.distillation = 0\.5 needs the model to learn from: give --init"
    ):
        train(recipe_path, tmp_path / "run")

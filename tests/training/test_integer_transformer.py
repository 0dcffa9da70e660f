"""Integer Transformers by recipe: from scratch, resumed, and made of softmax models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from octavo.artifact import ModelDirectory
from octavo.model.config import (
    EXTENSION_KEYS,
    INTEGER_TRANSFORMER_KEYS,
    AttentionFunction,
    ModelConfig,
    NormFunction,
    PolynomialSharing,
)
from octavo.reference import Dropout, Transformer
from octavo.training.identity import run_identity
from octavo.training.initial import InitialModel
from octavo.training.recipe import Recipe, RecipeError
from octavo.training.recipe_file import read_recipe
from octavo.training.run import train

from ..models import integer_config, random_tensors, tiny_config, write_tiny_model
from .test_fine_tuning import dev_loss, first_loss
from .test_run import edit, newest

INTEGER = '[model]\nattention = "polynomial"\nnorm_function = "l1-layer-norm"'


@pytest.fixture
def integer_recipe(recipe_path: Path) -> Path:
    edit(recipe_path, "[model]", INTEGER)
    return recipe_path


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("degree", [1, 4])
def test_a_run_learns_and_writes_a_model_that_opens(
    integer_recipe: Path, tmp_path: Path, degree: int, precision: str
) -> None:
    edit(integer_recipe, INTEGER, f"{INTEGER}\npolynomial_degree = {degree}\npolynomial_sharing = 'layer'")
    edit(integer_recipe, "max_updates = 40", f"max_updates = 60\nprecision = '{precision}'")
    edit(integer_recipe, "seed = 7", 'seed = 7\ndtype = "float16"')
    model = ModelDirectory.open(train(integer_recipe, tmp_path / "run"))
    progress = json.loads(newest(tmp_path / "run", "progress.json").read_text())["progress"]
    losses = [validation["loss"] for validation in progress["validations"]]
    assert losses[-1] < 0.9 * losses[0]
    assert model.config.integer_transformer_part == "attention = polynomial"
    assert (model.config.polynomial_degree, model.config.norm_function) == (degree, NormFunction.L1)
    for kind, first in (("bias", degree), ("delta", 0.01)):
        trained = model.tensor(f"decoder.layers.0.cross_attention.polynomial.{kind}")
        assert trained.shape == (1,)
        assert trained[0] != np.float16(first)


def test_a_run_goes_on_with_the_same_bits(integer_recipe: Path, tmp_path: Path) -> None:
    whole = train(integer_recipe, tmp_path / "whole")
    edit(integer_recipe, "max_updates = 40", "max_updates = 20")
    train(integer_recipe, tmp_path / "parts")
    edit(integer_recipe, "max_updates = 20", "max_updates = 40")
    train(integer_recipe, tmp_path / "parts")
    one, two = (
        safetensors.numpy.load_file(newest(tmp_path / run, "weights.safetensors"))
        for run in ("whole", "parts")
    )
    assert any("polynomial.bias" in name for name in one)
    for name, weights in one.items():
        np.testing.assert_array_equal(two[name], weights, err_msg=name)
    assert ModelDirectory.open(whole).config.attention is AttentionFunction.POLYNOMIAL
    edit(integer_recipe, INTEGER, f"{INTEGER}\npolynomial_delta = false")
    with pytest.raises(RecipeError, match="this run began with another model"):
        train(integer_recipe, tmp_path / "parts")


def test_an_ordinary_run_is_what_it_was_before(recipe: Recipe) -> None:
    """Checkpoints of older versions know nothing of the keys of an Integer Transformer."""
    noted = run_identity(recipe, "text", {}, None)["model"]
    assert not set(noted) & {*INTEGER_TRANSFORMER_KEYS, *EXTENSION_KEYS}
    model = recipe.model.model_copy(update={"norm_function": NormFunction.L1})
    noted = run_identity(recipe.model_copy(update={"model": model}), "text", {}, None)["model"]
    assert set(noted) > set(INTEGER_TRANSFORMER_KEYS)


@pytest.mark.parametrize(
    "config",
    [integer_config(), integer_config(polynomial_bias=False, polynomial_sharing=PolynomialSharing.LAYER)],
)
def test_a_softmax_model_becomes_an_integer_transformer(tmp_path: Path, config: ModelConfig) -> None:
    initial = InitialModel.open(write_tiny_model(tmp_path / "softmax"))
    initial.check(config)
    assert initial.changes(config) == ["attention = polynomial", "norm_function = l1-layer-norm"]
    model, fresh = Transformer(config, Dropout()), Transformer(config)
    initial.load_into(model)
    copied = random_tensors(tiny_config())
    for name, tensor in model.state_dict().items():
        expected = copied[name] if name in copied else fresh.state_dict()[name].numpy()
        np.testing.assert_array_equal(tensor.numpy(), expected, err_msg=name)


def test_an_integer_transformer_starts_from_itself(tmp_path: Path) -> None:
    config = integer_config()
    initial = InitialModel.open(write_tiny_model(tmp_path / "integer", config=config))
    initial.check(config)
    assert initial.changes(config) == []
    model = Transformer(config)
    initial.load_into(model)
    for name, array in random_tensors(config).items():
        np.testing.assert_array_equal(model.state_dict()[name].numpy(), array, err_msg=name)


@pytest.mark.parametrize(
    ("before", "changes", "message"),
    [
        (
            integer_config(),
            {"attention": AttentionFunction.SOFTMAX},
            "attention = 'polynomial', the recipe .*'soft",
        ),
        (
            integer_config(),
            {"norm_function": NormFunction.LAYER},
            "norm_function = 'l1-layer-norm', the recipe",
        ),
        (integer_config(), {"polynomial_degree": 2}, "polynomial_degree = 3, the recipe asks for 2"),
        (integer_config(), {"polynomial_bias": False}, "polynomial_bias = True, the recipe asks for False"),
        (
            tiny_config(),
            {"d_model": 32, "attention": AttentionFunction.POLYNOMIAL},
            "d_model = 16, the recipe",
        ),
    ],
)
def test_what_cannot_become_of_a_model(
    tmp_path: Path, before: ModelConfig, changes: dict[str, object], message: str
) -> None:
    initial = InitialModel.open(write_tiny_model(tmp_path / "model", config=before))
    with pytest.raises(RecipeError, match=f"{message}.*both must be the same model"):
        initial.check(dataclasses.replace(before, **changes))


def test_a_softmax_model_is_fine_tuned_into_one(
    integer_recipe: Path, tmp_path: Path, trained_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(integer_recipe, tmp_path / "run", init=trained_model)
    shown = capsys.readouterr().err
    assert f"converting {trained_model}: attention = polynomial, norm_function = l1-layer-norm\n" in shown
    started, _ = first_loss(shown)
    assert dev_loss(path) < started
    train(integer_recipe, tmp_path / "run", init=trained_model)  # an ended run, exported again
    with pytest.raises(RecipeError, match="this run began with another --init model"):
        train(integer_recipe, tmp_path / "run")


def test_its_products_are_not_rounded_yet(integer_recipe: Path, tmp_path: Path, trained_model: Path) -> None:
    with pytest.raises(RecipeError, match=r"with quantization needs softmax .*polynomial; leave out --quan"):
        train(integer_recipe, tmp_path / "run", init=trained_model, quantize=True)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("polynomial_degree = 5", "model.polynomial_degree: .*less than or equal to 4 .found 5"),
        ('polynomial_sharing = "model"', "model.polynomial_sharing: .*'layer' or 'head'"),
        ("polynomial_bias = 1", "model.polynomial_bias: "),
        ('attention = "linear"', "model.attention: .*'softmax' or 'polynomial'"),
        ('norm_function = "rms"', "model.norm_function: .*'layer-norm', 'l1-layer-norm' or 'rms-norm'"),
    ],
)
def test_a_bad_recipe_is_explained(recipe_path: Path, lines: str, message: str) -> None:
    edit(recipe_path, "[model]", f"[model]\n{lines}")
    with pytest.raises(RecipeError, match=message):
        read_recipe(recipe_path)


def test_a_polynomial_without_polynomial_attention_is_explained(recipe_path: Path, tmp_path: Path) -> None:
    edit(recipe_path, "[model]", "[model]\npolynomial_degree = 2")
    with pytest.raises(RecipeError, match="model: polynomial_degree = 2: only attention = polynomial has it"):
        train(recipe_path, tmp_path / "run")

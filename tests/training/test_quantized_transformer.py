"""Fake quantization around the reference model: the simulation's arithmetic, and gradients through it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from octavo.model.architecture import products, sites
from octavo.model.config import Activation, ModelConfig
from octavo.model.search import SearchOptions
from octavo.quantization import QuantizedWeights
from octavo.reference import Dropout, Transformer, from_arrays, search, to_arrays
from octavo.simulation import Simulation
from octavo.training import quantized_transformer
from octavo.training.batches import Batch, PairEpoch, make_batch
from octavo.training.corpus import Pair
from octavo.training.optimization import Optimization
from octavo.training.quantized_transformer import QuantizedTransformer
from octavo.training.ranks import Ranks
from octavo.training.recipe import QuantizationRecipe, Recipe, RecipeError

from ..float_models import CONFIGS, random_model
from ..models import random_tensors, tiny_config


def random_pairs(config: ModelConfig, count: int, seed: int = 0) -> list[Pair]:
    random = np.random.default_rng(seed)
    return [
        Pair(
            random.integers(4, config.source_vocab_size, random.integers(3, 9)).tolist(),
            random.integers(4, config.target_vocab_size, random.integers(3, 9)).tolist(),
        )
        for _ in range(count)
    ]


def observed(model: Transformer, recipe: QuantizationRecipe | None = None) -> QuantizedTransformer:
    """The model with ranges observed on random sentences."""
    quantized = QuantizedTransformer(model, recipe or QuantizationRecipe())
    quantized.observe([make_batch(random_pairs(model.config, 16, seed), model.config) for seed in range(2)])
    return quantized


def logits(model: torch.nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        result: Tensor = model(batch.source, batch.lengths, batch.target)
    return result


@pytest.mark.parametrize("float32", [False, True], ids=["all", "some-in-float"])
@pytest.mark.parametrize("name", CONFIGS)
def test_it_computes_what_the_simulation_does(name: str, float32: bool) -> None:
    config = CONFIGS[name]
    original = random_model(config)
    every = [product.name for product in products(config)]
    kept = every[1::5] if float32 else []
    quantized = observed(from_arrays(config, dict(original.tensors)), QuantizationRecipe(float32=kept))
    plan = quantized.plan()
    plan.check(config)
    simulation = Simulation(QuantizedWeights(original).model(plan))
    differences = []
    for pair in random_pairs(config, 3, seed=9):
        found = logits(quantized, make_batch([pair], config))[0].numpy()
        differences.append(np.abs(found - simulation.run(pair.source, pair.target).logits).max())
    # Sums differ in their last bits, so now and then a value is rounded the other way.
    assert sum(difference > 1e-5 for difference in differences) <= 1
    assert max(differences) < 0.1


def test_incremental_search_reads_the_same_rounded_tensors() -> None:
    quantized = observed(from_arrays(tiny_config(), random_tensors(tiny_config())))
    pairs = random_pairs(tiny_config(), 1, seed=3)
    options = SearchOptions(beam=1, length_penalty=0)
    with quantized.rounded() as model:
        found = search(model, [pairs[0].source], options)[0][0]
        batch = make_batch([Pair(pairs[0].source, found.tokens)], tiny_config())
        scores = logits(model, batch).log_softmax(-1)[0]
    taken = [*found.tokens, *([tiny_config().eos_id] if found.complete else [])]
    total = sum(float(scores[t, token]) for t, token in enumerate(taken))
    assert found.score == pytest.approx(total, rel=1e-5)


def test_a_site_is_rounded_once_for_all_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    quantized = observed(from_arrays(config, random_tensors(config)))
    rounded: list[tuple[int, ...]] = []

    def counted(x: Tensor, log_scale: Tensor, zero_point: int) -> Tensor:
        rounded.append(tuple(x.shape))
        return original(x, log_scale, zero_point)

    original = quantized_transformer.round_to_scale
    monkeypatch.setattr(quantized_transformer, "round_to_scale", counted)
    logits(quantized, make_batch(random_pairs(config, 2), config))
    assert len(rounded) == sum(not site.endswith(".weights") for site in sites(config))


def test_a_hidden_layer_that_is_never_negative_takes_the_whole_byte() -> None:
    for activation, most in ((Activation.RELU, 0), (Activation.GELU, 60)):
        config = tiny_config(activation=activation)
        plan = observed(from_arrays(config, random_tensors(config))).plan()
        points = {site: how.zero_point for site, how in plan.inputs.items() if how is not None}
        hidden = [point for site, point in points.items() if site.endswith(".hidden")]
        assert all(0 <= point <= most for point in hidden)
        assert {point for site, point in points.items() if not site.endswith(".hidden")} == {128}


def test_hidden_values_are_rounded_before_dropout_scales_them() -> None:
    model = from_arrays(tiny_config(), random_tensors(tiny_config()))
    dropped = Transformer(tiny_config(), Dropout(activation=0.5))
    dropped.load_state_dict(model.state_dict())
    quantized = observed(dropped)
    read: list[Tensor] = []
    layer = dropped.encoder.layers[0].feed_forward
    layer.outer.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[0]))
    quantized.train()
    logits(quantized, make_batch(random_pairs(tiny_config(), 8), tiny_config()))
    how = quantized.plan().inputs["encoder.layers.0.feed_forward.hidden"]
    assert how is not None
    levels = read[0] / (2 * how.scale)
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-3)
    assert 0 < levels.max() <= 255


def test_measuring_and_detaching_leave_the_model_as_it_was() -> None:
    model = from_arrays(tiny_config(), random_tensors(tiny_config()))
    batch = make_batch(random_pairs(tiny_config(), 3), tiny_config())
    exact, weights = logits(model, batch), to_arrays(model)
    quantized = observed(model)
    trained_with = logits(quantized, batch)
    with quantized.rounded() as measured:
        assert torch.equal(logits(measured, batch), trained_with)
    assert not torch.equal(trained_with, exact)
    quantized.detach()
    assert torch.equal(logits(model, batch), exact)
    assert all(np.array_equal(weights[name], array) for name, array in to_arrays(model).items())


def test_gradients_pass_as_if_nothing_were_rounded(recipe: Recipe) -> None:
    model = from_arrays(tiny_config(), random_tensors(tiny_config()))
    batch = make_batch(random_pairs(tiny_config(), 8), tiny_config())

    def gradients(trained: torch.nn.Module) -> dict[str, Tensor]:
        model.zero_grad()
        loss = trained(batch.source, batch.lengths, batch.target).logsumexp(-1).square().mean()
        loss.backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    exact = gradients(model)
    quantized = observed(model)
    found = gradients(quantized)
    assert found.keys() == exact.keys() == dict(model.named_parameters()).keys()
    for name, gradient in exact.items():
        if float(gradient.norm()) > 1e-6:  # a key's bias moves no score
            assert float(torch.cosine_similarity(found[name].flatten(), gradient.flatten(), 0)) > 0.98, name
    assert quantized.log_scales.grad is not None
    assert int((quantized.log_scales.grad != 0).sum()) == len(quantized.log_scales)


def test_updates_reduce_the_loss_and_move_ranges(recipe: Recipe) -> None:
    quantized = observed(from_arrays(tiny_config(), random_tensors(tiny_config())))
    before = quantized.log_scales.detach().clone()
    run = Optimization(quantized, recipe.training, 1, Ranks(0, 1, torch.device("cpu")))
    pairs = random_pairs(tiny_config(), 8)
    reports = [
        run.update(number, [list(range(8))], PairEpoch(pairs, tiny_config())) for number in range(1, 13)
    ]
    assert reports[-1].loss < 0.9 * reports[0].loss
    moved = (quantized.log_scales.detach() - before).abs()
    assert 0 < float(moved.max()) < 12 * 1e-3
    rates = [group["lr"] for group in run.optimizer.param_groups]
    assert rates[1] == pytest.approx(rates[0] * 1e-3 / recipe.training.schedule.peak)


def test_a_plan_comes_back_from_its_state() -> None:
    config = dataclasses.replace(tiny_config(), activation=Activation.SILU)
    quantized = observed(from_arrays(config, random_tensors(config)))
    again = QuantizedTransformer(Transformer(config), QuantizationRecipe())
    again.load_state_dict(quantized.state_dict())
    assert again.plan() == quantized.plan()


def test_an_unknown_product_is_named() -> None:
    with pytest.raises(
        RecipeError, match=r"quantization\.float32: the model has no product 'outptu'; its first"
    ):
        QuantizedTransformer(Transformer(tiny_config()), QuantizationRecipe(float32=["outptu"]))

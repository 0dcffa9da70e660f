"""The reference model: its tensors, causality, padding, caching, positions."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from octavo.artifact.positions import position_table
from octavo.model.config import (
    Activation,
    ModelConfig,
    NormFunction,
    NormPlacement,
    PolynomialSharing,
    Positions,
)
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors
from octavo.reference import Dropout, Transformer, from_arrays, to_arrays
from octavo.reference.dropout import drop
from octavo.reference.positions import sinusoidal_table

from ..models import integer_config, random_tensors, tiny_config

SOURCE = torch.tensor([[5, 6, 7, 8, 3], [9, 10, 3, 0, 0]])
LENGTHS = torch.tensor([5, 3])
TARGET = torch.tensor([[2, 20, 21, 22], [2, 23, 24, 25]])

COMBINATIONS = list(itertools.product(NormPlacement, Activation, Positions, (False, True)))


def model(config: ModelConfig) -> Transformer:
    return from_arrays(config, random_tensors(config))


def config_of(norm: NormPlacement, activation: Activation, positions: Positions, flag: bool) -> ModelConfig:
    return tiny_config(
        norm=norm,
        activation=activation,
        positions=positions,
        position_offset=2,
        shared_embeddings=flag,
        tied_output=not flag,
        output_bias=flag,
        embedding_norm=flag,
        scale_embeddings=not flag,
    )


@pytest.mark.parametrize(("norm", "activation", "positions", "flag"), COMBINATIONS)
def test_every_combination_has_the_spec_tensors_and_decodes_as_it_is_forced(
    norm: NormPlacement, activation: Activation, positions: Positions, flag: bool
) -> None:
    assert_decodes_as_forced(config_of(norm, activation, positions, flag))


def assert_decodes_as_forced(config: ModelConfig) -> None:
    """And has exactly the tensors of the spec."""
    reference = model(config)
    found = {name: tuple(tensor.shape) for name, tensor in reference.state_dict().items()}
    assert found == {spec.name: spec.shape for spec in tensors(config, Scheme.NONE)}
    with torch.inference_mode():
        forced = reference(SOURCE, LENGTHS, TARGET)
        state = reference.start(SOURCE, LENGTHS)
        stepped = torch.stack([reference.step(TARGET[:, t], state) for t in range(4)], dim=1)
    assert forced.isfinite().all()
    torch.testing.assert_close(stepped, forced, rtol=1e-4, atol=1e-5)


INTEGER = {
    **{f"degree {degree}": integer_config(polynomial_degree=degree) for degree in (1, 2, 3, 4)},
    "shared by a layer": integer_config(polynomial_sharing=PolynomialSharing.LAYER, norm=NormPlacement.POST),
    "no bias": integer_config(polynomial_bias=False, embedding_norm=True),
    "no delta": integer_config(polynomial_delta=False),
    "neither": integer_config(polynomial_bias=False, polynomial_delta=False),
    "layer norm": integer_config(norm_function=NormFunction.LAYER),
    "softmax": tiny_config(norm_function=NormFunction.L1),
}


@pytest.mark.parametrize("config", INTEGER.values(), ids=INTEGER)
def test_an_integer_transformer_has_the_spec_tensors_and_decodes_as_it_is_forced(config: ModelConfig) -> None:
    assert_decodes_as_forced(config)


@pytest.mark.parametrize("config", INTEGER.values(), ids=INTEGER)
def test_an_integer_transformer_trains_every_tensor(config: ModelConfig) -> None:
    reference = Transformer(config, Dropout(0.1, 0.1, 0.1)).train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = reference(SOURCE, LENGTHS, TARGET)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), TARGET.flatten()).backward()
    for name, parameter in reference.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_fresh_weights_do_not_depend_on_the_attention_function() -> None:
    plain, integer = (Transformer(config).state_dict() for config in (tiny_config(), integer_config()))
    assert set(plain) < set(integer)
    assert all(torch.equal(tensor, integer[name]) for name, tensor in plain.items())


@pytest.mark.parametrize(
    "config",
    [tiny_config(), tiny_config(norm=NormPlacement.POST), integer_config()],
    ids=["pre-norm", "post-norm", "integer"],
)
def test_a_position_sees_no_later_one(config: ModelConfig) -> None:
    reference = model(config)
    changed = TARGET.clone()
    changed[:, 2] = 40
    with torch.inference_mode():
        before, after = reference(SOURCE, LENGTHS, TARGET), reference(SOURCE, LENGTHS, changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])


@pytest.mark.parametrize("config", [tiny_config(), integer_config()], ids=["softmax", "integer"])
def test_padding_changes_nothing(config: ModelConfig) -> None:
    reference = model(config)
    with torch.inference_mode():
        padded = reference(SOURCE, LENGTHS, TARGET)[1:]
        alone = reference(SOURCE[1:, :3], LENGTHS[1:], TARGET[1:])
        other = SOURCE.clone()
        other[1, 3:] = 77
        assert torch.equal(reference(other, LENGTHS, TARGET)[1:], padded)
    torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)


def test_tied_and_shared_tensors_are_one() -> None:
    reference = Transformer(tiny_config())
    assert [n for n in reference.state_dict() if "embedding.weight" in n] == ["encoder.embedding.weight"]
    reference(SOURCE, LENGTHS, TARGET).sum().backward()
    assert reference.encoder.embedding.weight.grad is not None
    # A token that no sentence holds has a gradient through the output projection alone.
    assert reference.encoder.embedding.weight.grad[90].abs().sum() > 0


@pytest.mark.parametrize("positions", [Positions.INTERLEAVED, Positions.HALVES])
def test_sinusoids_follow_their_formula(positions: Positions) -> None:
    config = tiny_config(positions=positions, position_offset=3)
    table = sinusoidal_table(config)
    assert table.shape == (67, 16)
    for position, pair in itertools.product((0, 1, 17, 66), range(8)):
        angle = position * 10_000 ** (-2 * pair / 16)
        sine, cosine = (2 * pair, 2 * pair + 1) if positions is Positions.INTERLEAVED else (pair, 8 + pair)
        assert table[position, sine].item() == pytest.approx(math.sin(angle), abs=1e-7)
        assert table[position, cosine].item() == pytest.approx(math.cos(angle), abs=1e-7)
    np.testing.assert_allclose(table.numpy(), position_table(config), rtol=0, atol=1e-7)


def test_position_offset_moves_the_table() -> None:
    plain, moved = (
        dataclasses.replace(tiny_config(positions=Positions.LEARNED), position_offset=o) for o in (0, 2)
    )
    arrays = random_tensors(moved)
    cut = {n: a[2:] if n.endswith("positions.weight") else a for n, a in arrays.items()}
    with torch.inference_mode():
        assert torch.equal(
            from_arrays(moved, arrays)(SOURCE, LENGTHS, TARGET),
            from_arrays(plain, cut)(SOURCE, LENGTHS, TARGET),
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder.norm.bias": None}, "encoder.norm.bias is missing"),
        ({"extra": np.zeros(3, np.float32)}, "extra is unknown"),
        ({"encoder.norm.bias": np.zeros(3, np.float32)}, "encoder.norm.bias has shape"),
    ],
)
def test_wrong_tensors_are_named(changes: dict[str, Any], message: str) -> None:
    config = tiny_config()
    arrays = {**random_tensors(config), **changes}
    with pytest.raises(ValueError, match=message):
        from_arrays(config, {name: array for name, array in arrays.items() if array is not None})


def test_arrays_come_back() -> None:
    config = tiny_config(tied_output=False, output_bias=True)
    arrays = random_tensors(config)
    again = to_arrays(from_arrays(config, arrays))
    assert list(again) == sorted(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(1)
    x = torch.ones(400, 500)
    dropped = drop(x, 0.3, training=True)
    assert (dropped == 0).float().mean().item() == pytest.approx(77 / 256, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    assert drop(x, 0.3, training=False) is x
    torch.manual_seed(1)
    assert torch.equal(drop(x, 0.3, training=True), dropped)


def test_every_dropout_rate_acts() -> None:
    config = tiny_config()
    for rates in (Dropout(residual=0.5), Dropout(attention=0.5), Dropout(activation=0.5)):
        reference = Transformer(config, rates)
        quiet = reference.eval()(SOURCE, LENGTHS, TARGET)
        assert not torch.allclose(reference.train()(SOURCE, LENGTHS, TARGET), quiet)

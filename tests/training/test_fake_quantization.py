"""Rounding to int8, and the gradients that pass through it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from octavo.quantization.weights import quantize_weight
from octavo.reference.attention import softmax_attention
from octavo.training.fake_quantization import round_rows, round_to_scale, rounded_attention
from octavo.training.ranges import Observed
from octavo.training.recipe import RecipeError


def test_weights_are_those_that_quantization_stores() -> None:
    random = np.random.default_rng(0)
    weight = (random.standard_normal((40, 24)) * np.exp(random.normal(0, 3, (40, 1)))).astype(np.float32)
    weight[3], weight[4] = 0, 1e-44
    exact = torch.tensor(weight, requires_grad=True)
    rounded = round_rows(exact)
    np.testing.assert_array_equal(rounded.detach(), quantize_weight("w", weight).dequantize())
    upstream = torch.randn(40, 24)
    rounded.backward(upstream)
    assert exact.grad is not None
    assert torch.equal(exact.grad, upstream)


@pytest.mark.parametrize("zero_point", [0, 128, 17])
@pytest.mark.parametrize("shape", [(1,), (3, 1, 1)])
def test_a_rounded_tensor_and_its_gradients(zero_point: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 50, 8, generator=generator).requires_grad_()
    log_scale = torch.linspace(-5, -4.5, int(np.prod(shape))).view(shape).requires_grad_()
    upstream = torch.randn(x.shape, generator=generator)
    rounded = round_to_scale(x, log_scale, zero_point)
    rounded.backward(upstream)

    scale = log_scale.detach().exp()
    steps = x.detach() / scale
    inside = (steps >= -zero_point - 0.5) & (steps <= 255 - zero_point + 0.5)
    assert 0.05 < 1 - inside.float().mean() < 0.9
    levels = steps.round().clamp(-zero_point, 255 - zero_point)
    torch.testing.assert_close(rounded.detach(), levels * scale)
    assert x.grad is not None
    assert torch.equal(x.grad, upstream * inside)
    by_log_scale = upstream * torch.where(inside, levels - steps, levels) * scale
    torch.testing.assert_close(log_scale.grad, by_log_scale.sum_to_size(shape), rtol=1e-3, atol=1e-3)


def test_bfloat16_comes_in_and_float32_goes_out() -> None:
    x = torch.randn(4, 8, dtype=torch.bfloat16, requires_grad=True)
    rounded = round_to_scale(x, torch.tensor([-4.0], requires_grad=True), 128)
    assert rounded.dtype is torch.float32
    rounded.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is torch.bfloat16


def test_attention_weights_are_rounded_to_255ths_of_the_largest() -> None:
    generator = torch.Generator().manual_seed(2)
    query, keys, values = (torch.randn(2, 3, 5, 4, generator=generator).requires_grad_() for _ in range(3))
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    mixed = rounded_attention(query, keys, values, mask, 0.0)
    scores = (query @ keys.transpose(-2, -1) / 2).detach().masked_fill(mask, -torch.inf)
    levels = ((scores - scores.amax(-1, keepdim=True)).exp() * 255).round()
    assert torch.equal(levels.amax(-1), torch.full((2, 3, 5), 255.0))
    torch.testing.assert_close(mixed.detach(), levels / levels.sum(-1, keepdim=True) @ values.detach())

    inputs, upstream = (query, keys, values), torch.randn(mixed.shape, generator=generator)
    found = torch.autograd.grad(mixed, inputs, upstream)
    exact = torch.autograd.grad(softmax_attention(query, keys, values, mask, 0.0), inputs, upstream)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)


def squared_error(x: torch.Tensor, scale: float, zero_point: int) -> float:
    rounded = round_to_scale(x, torch.tensor([scale]).log(), zero_point)
    return float(((rounded - x) ** 2).mean())


@pytest.mark.parametrize("power", [1, 3])
def test_the_first_range_has_the_least_squared_error(power: int) -> None:
    x = torch.randn(40_000, generator=torch.Generator().manual_seed(3)) ** power
    site = Observed("site", 1)
    site.add(x[:10_000])
    site.add(x[10_000:])
    found = site.symmetric()
    assert found.zero_point.tolist() == [128]
    best = min(
        squared_error(x, float(x.abs().max()) / 127 * share, 128) for share in np.geomspace(0.05, 1, 60)
    )
    assert squared_error(x, float(found.scale), 128) <= 1.03 * best


def test_each_head_has_its_own_first_range() -> None:
    x = torch.randn(6, 2, 100, 4, generator=torch.Generator().manual_seed(4))
    x[:, 1] *= 100
    site = Observed("site", 2)
    site.add(x)
    low, high = site.symmetric().scale.tolist()
    assert 80 < high / low < 125
    alone = Observed("site", 1)
    alone.add(x[:, 1])
    assert alone.symmetric().scale.item() == high


def test_an_affine_range_begins_at_the_least_value() -> None:
    x = torch.randn(20_000, generator=torch.Generator().manual_seed(5))
    relu, gelu = Observed("relu", 1), Observed("gelu", 1)
    relu.add(x.relu())
    gelu.add(torch.nn.functional.gelu(x))
    assert relu.affine().zero_point.tolist() == [0]
    found = gelu.affine()
    assert 5 < float(found.zero_point) < 20
    assert float(found.zero_point * found.scale) == pytest.approx(0.17, abs=float(found.scale))


def test_a_tensor_of_zeros_has_a_range_and_nan_is_named() -> None:
    site = Observed("encoder.output", 1)
    site.add(torch.zeros(3, 4))
    assert 0 < float(site.symmetric().scale) < 1e-6
    with pytest.raises(RecipeError, match=r"encoder\.output: the model to start from gives NaN"):
        site.add(torch.tensor([1.0, float("nan")]))

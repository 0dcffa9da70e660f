"""L1 layer norm: its formula in binary64, its gradients, and what it shares with layer norm."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from octavo.model.config import NormFunction
from octavo.reference.norm import L1LayerNorm, make_norm

from ..models import tiny_config


def norm(width: int) -> L1LayerNorm:
    """With another gain and bias in each channel."""
    made = L1LayerNorm(width, 1e-5)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        made.weight.copy_(1 + 0.3 * torch.randn(width, generator=generator))
        made.bias.copy_(0.3 * torch.randn(width, generator=generator))
    return made


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e5])
def test_it_follows_its_formula(scale: float) -> None:
    made, x = norm(24), scale * (rows(3, 5, 24) + 0.5)
    found = made(x).detach().numpy()
    weight, bias = (p.detach().double().numpy() for p in (made.weight, made.bias))
    for index in np.ndindex(3, 5):
        row = x[index].double().numpy()
        centred = row - row.mean()
        expected = weight * centred / (math.sqrt(math.pi / 2) * abs(centred).mean() + 1e-5) + bias
        np.testing.assert_allclose(found[index], expected, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_the_formula() -> None:
    made = norm(6).double()
    x = rows(3, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: made(x), (x, made.weight, made.bias))


def test_a_constant_row_gives_the_bias_and_finite_gradients() -> None:
    made, x = norm(16), torch.full((2, 16), 3.0, requires_grad=True)
    found = made(x)
    torch.testing.assert_close(found, made.bias.expand(2, 16))
    found.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_gains_mean_the_same_as_in_layer_norm() -> None:
    """On Gaussian rows, where the deviations have the ratio sqrt(pi / 2)."""
    width = 4096
    layer_norm = nn.LayerNorm(width)
    x = 7 * rows(4, width) - 2
    torch.testing.assert_close(L1LayerNorm(width, 1e-5)(x), layer_norm(x), rtol=0.04, atol=0.001)


def test_bfloat16_rows_are_normed_in_float32() -> None:
    x = 1000 + rows(4, 64)
    found = norm(64)(x.bfloat16())
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, norm(64)(x.bfloat16().float()))


def test_the_configuration_chooses() -> None:
    assert isinstance(make_norm(tiny_config()), nn.LayerNorm)
    made = make_norm(tiny_config(norm_function=NormFunction.L1, layer_norm_epsilon=1e-3))
    assert isinstance(made, L1LayerNorm)
    assert made.epsilon == 1e-3

"""Polynomial attention: its formula in binary64, masks, gradients, and how it begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from octavo.model.config import PolynomialSharing
from octavo.model.limits import MAX_POLYNOMIAL_DEGREE
from octavo.reference.attention import SMALLEST_SUM, PolynomialAttention

from ..models import integer_config

DEGREES = range(1, MAX_POLYNOMIAL_DEGREE + 1)
LATER = torch.ones(4, 4, dtype=torch.bool).triu(1)


def polynomial(**changes: Any) -> PolynomialAttention:
    """Of two heads, with another bias and delta in each."""
    attention = PolynomialAttention(integer_config(**changes))
    with torch.no_grad():
        for parameter, first in ((attention.bias, 0.7), (attention.delta, -0.02)):
            if parameter is not None:
                parameter.copy_(first * torch.arange(1, len(parameter) + 1))
    return attention


def scores(seed: int = 0, spread: float = 2.0) -> torch.Tensor:
    """[2 sentences, 2 heads, 4 queries, 4 keys]."""
    return spread * torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


def plainly(attention: PolynomialAttention, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The weights in binary64, one by one."""
    found = np.zeros(x.shape)
    for b, h, t in np.ndindex(*x.shape[:3]):
        bias, delta = (
            0.0 if p is None else float(p.detach().double()[h if len(p) > 1 else 0])
            for p in (attention.bias, attention.delta)
        )
        values = [
            max(x[b, h, t, j] + bias, 0.0) ** attention.degree + abs(delta) if seen[t, j] else 0.0
            for j in range(x.shape[3])
        ]
        found[b, h, t] = np.array(values) / max(sum(values), SMALLEST_SUM)
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        *({"polynomial_degree": degree} for degree in DEGREES),
        {"polynomial_sharing": PolynomialSharing.LAYER},
        {"polynomial_bias": False},
        {"polynomial_delta": False},
        {"polynomial_bias": False, "polynomial_delta": False, "polynomial_degree": 1},
    ],
)
def test_the_weights_follow_their_formula(changes: dict[str, Any], masked: bool) -> None:
    attention, x = polynomial(**changes), scores()
    mask = LATER if masked else None
    found = attention.weights(x, mask).detach()
    seen = ~LATER.numpy() if masked else np.ones((4, 4), bool)
    np.testing.assert_allclose(found, plainly(attention, x.double().numpy(), seen), rtol=3e-6, atol=1e-9)


def test_values_are_mixed_by_the_weights() -> None:
    attention = polynomial()
    query, keys, values = (torch.randn(2, 2, 4, 8) for _ in range(3))
    weights = attention.weights(query @ keys.transpose(2, 3) / 8**0.5, LATER)
    mixed = attention.attend(query, keys, values, LATER, 0.0)
    torch.testing.assert_close(mixed, weights @ values)
    dropped = attention.attend(query, keys, values, LATER, 0.5)
    assert not torch.allclose(dropped, mixed)


@pytest.mark.parametrize("degree", DEGREES)
def test_what_is_masked_has_no_weight_and_no_gradient(degree: int) -> None:
    attention, x = polynomial(polynomial_degree=degree), scores().requires_grad_()
    weights = attention.weights(x, LATER)
    assert not weights[..., LATER].any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 4))
    (weights * torch.randn(weights.shape)).sum().backward()
    assert x.grad is not None
    assert not x.grad[..., LATER].any()


@pytest.mark.parametrize("degree", DEGREES)
def test_gradients_are_those_of_the_formula(degree: int) -> None:
    attention = polynomial(polynomial_degree=degree).double()
    x = scores().double().requires_grad_()
    parameters = list(attention.parameters())

    def weights(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return attention.weights(x, LATER)

    assert torch.autograd.gradcheck(weights, (x, *parameters))


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12, 1e-4, 1.0, 1e4])
def test_values_and_gradients_are_finite_without_delta_too(degree: int, scale: float) -> None:
    attention = PolynomialAttention(
        integer_config(polynomial_degree=degree, polynomial_bias=False, polynomial_delta=False)
    )
    x = torch.cat([scores(spread=scale), -scores(spread=scale).abs()]).requires_grad_()
    weights = attention.weights(x)
    (weights * torch.randn(weights.shape)).sum().backward()
    assert weights.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() < 1e8
    assert not weights[2:].any()  # no score above 0: no weight, and nothing divided by 0
    assert (weights.sum(-1) < 1 + 1e-5).all()


def test_bfloat16_scores_are_raised_and_summed_in_float32() -> None:
    attention = PolynomialAttention(integer_config(polynomial_degree=4))
    x = torch.full((1, 2, 1, 300), 20.0, dtype=torch.bfloat16)
    weights = attention.weights(x)
    assert weights.dtype is torch.float32
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / 300))


def test_it_begins_near_softmax() -> None:
    """With b = n: the nearer the larger n is, and nearer than with b = 1."""
    x = scores(spread=0.5)
    distances = []
    for degree in DEGREES:
        attention = PolynomialAttention(integer_config(polynomial_degree=degree))
        assert attention.bias is not None
        assert attention.delta is not None
        assert attention.bias.tolist() == [degree] * 2
        assert 0 < attention.delta.max() <= 0.01
        with torch.no_grad():
            distances.append((attention.weights(x) - x.softmax(-1)).abs().max())
            attention.bias.fill_(1.0)
            assert distances[-1] <= (attention.weights(x) - x.softmax(-1)).abs().max()
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.1

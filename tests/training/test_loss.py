"""The loss that never holds all logits, against the plain one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from octavo.training import loss as module
from octavo.training.loss import Candidates, projected_loss

ROWS, WIDTH, VOCABULARY = 37, 8, 50


@pytest.fixture
def operands() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(ROWS, WIDTH, generator=generator, dtype=torch.float64)
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=torch.float64)
    bias = torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    labels = torch.randint(VOCABULARY, (ROWS,), generator=generator)
    return states.float(), weight.float(), bias.float(), labels


def gradients(loss: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(3 * loss, inputs))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("chunk", [VOCABULARY * 5, 1 << 22])
def test_it_is_cross_entropy(operands, smoothing, biased, chunk, monkeypatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_LOGITS", chunk)
    states, weight, bias, labels = operands
    inputs = [t.requires_grad_() for t in ([states, weight, bias] if biased else [states, weight])]
    logits = F.linear(states, weight, bias if biased else None)
    wanted = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    found = projected_loss(states, weight, bias if biased else None, labels, smoothing)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    for one, other in zip(gradients(found, *inputs), gradients(wanted, *inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_all_tokens_as_candidates_are_the_vocabulary(operands) -> None:
    states, weight, bias, labels = operands
    candidates = Candidates.sample(labels, VOCABULARY, VOCABULARY, seed=1)
    assert sorted(candidates.tokens.tolist()) == list(range(VOCABULARY))
    assert candidates.tokens[candidates.labels].tolist() == labels.tolist()
    found = projected_loss(states, weight, bias, labels, 0.1, candidates)
    torch.testing.assert_close(found, projected_loss(states, weight, bias, labels, 0.1))


def test_samples_estimate_the_sum_over_the_vocabulary(operands) -> None:
    """The mean over many samples of sum(weight * exp(logit)) is the sum over all tokens."""
    states, weight, bias, labels = operands
    labels = labels % 10
    whole = F.linear(states, weight, bias).double().exp().sum(1)
    total = torch.zeros(ROWS, dtype=torch.float64)
    runs = 4000
    for seed in range(runs):
        chosen = Candidates.sample(labels, VOCABULARY, 25, seed)
        logits = F.linear(states, weight[chosen.tokens], bias[chosen.tokens]).double()
        total += (logits.exp() * chosen.weights).sum(1)
    torch.testing.assert_close(total / runs, whole, rtol=0.05, atol=0)


def test_a_sample_depends_on_its_seed_alone() -> None:
    labels = torch.tensor([3, 3, 9])
    first, again, other = (Candidates.sample(labels, VOCABULARY, 12, seed) for seed in (1, 1, 2))
    assert torch.equal(first.tokens, again.tokens)
    assert not torch.equal(first.tokens, other.tokens)
    assert len(set(first.tokens.tolist())) == 12
    torch.testing.assert_close(first.weights, torch.tensor([1.0, 1.0, *[4.8] * 10]))
    assert len(Candidates.sample(labels, VOCABULARY, 1, 1).tokens) == 2


def test_rows_in_bfloat16_get_their_gradients_in_bfloat16(operands) -> None:
    states, weight, _, labels = operands
    narrow = [t.bfloat16().requires_grad_() for t in (states, weight)]
    found = projected_loss(*narrow, None, labels, 0.1)
    wanted = projected_loss(*(t.detach().float() for t in narrow), None, labels, 0.1)
    assert found.item() == pytest.approx(wanted.item(), rel=0.01)
    assert {gradient.dtype for gradient in gradients(found, *narrow)} == {torch.bfloat16}

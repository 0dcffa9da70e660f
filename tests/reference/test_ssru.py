"""The SSRU in the reference: an independent formula, one step at a time, in the search, and what trains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from octavo import reference
from octavo.model.config import Mixer, ModelConfig, NormFunction, NormPlacement
from octavo.model.errors import SpecError
from octavo.model.search import SearchOptions
from octavo.reference import Dropout, LanguageModel, Transformer
from octavo.reference.mixers import SSRU

from ..models import language_config, tiny_config
from .test_transformer import LENGTHS, SOURCE, TARGET, assert_decodes_as_forced

CONFIGS = {
    "pre-norm": tiny_config(decoder_mixer=Mixer.SSRU),
    "post-norm": tiny_config(decoder_mixer=Mixer.SSRU, norm=NormPlacement.POST, output_bias=True),
}


def an_ssru(config: ModelConfig) -> SSRU:
    """With weights that are not the ones it begins with."""
    module = SSRU(config, Dropout())
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module.eval()


def plainly(module: SSRU, y: np.ndarray) -> np.ndarray:
    """relu(c_t) for every t of inputs y [T, d], in binary64, channel by channel."""
    weights = {name: tensor.detach().double().numpy() for name, tensor in module.named_parameters()}
    c, found = np.zeros(y.shape[1]), []
    for row in y.astype(np.float64):
        u = np.array([w @ row for w in weights["candidate.weight"]])
        z = np.array([w @ row for w in weights["forget.weight"]]) + weights["forget.bias"]
        f = 1 / (1 + np.exp(-z))
        c = f * c + (1 - f) * u
        found.append(np.maximum(c, 0))
    return np.array(found)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_it_follows_its_formula(config: ModelConfig) -> None:
    module = an_ssru(config)
    x = torch.randn(2, 7, config.d_model, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = module.look_back(x, None)
        for i in range(2):
            expected = x[i] + torch.from_numpy(plainly(module, module.before(x[i]).numpy())).float()
            expected = expected if module.pre else module.norm(expected)
            torch.testing.assert_close(found[i], expected, rtol=1e-5, atol=1e-5)


def test_a_state_carries_what_was_fed() -> None:
    config = CONFIGS["pre-norm"]
    module = an_ssru(config)
    x = torch.randn(3, 6, config.d_model, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        state = module.start(3)
        parts = [module.look_back(x[:, :2], None, state), module.look_back(x[:, 2:], None, state)]
        torch.testing.assert_close(torch.cat(parts, dim=1), module.look_back(x, None))
        state.select(torch.tensor([2, 2, 0]))
        assert torch.equal(state.c[0], state.c[1])


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_has_the_spec_tensors_and_decodes_as_it_is_forced(config: ModelConfig) -> None:
    assert_decodes_as_forced(config)


def test_a_language_model_decodes_as_it_is_forced() -> None:
    model = LanguageModel(language_config(decoder_mixer=Mixer.SSRU)).eval()
    tokens = torch.tensor([[2, 5, 9, 4, 7], [2, 8, 8, 6, 5]])
    with torch.inference_mode():
        state = model.start(2)
        stepped = torch.stack([model.step(tokens[:, t], state) for t in range(5)], dim=1)
        torch.testing.assert_close(stepped, model(tokens), rtol=1e-4, atol=1e-5)


def test_beams_carry_their_states() -> None:
    """The score of each translation is that of the whole sequence, fed at once."""
    config = CONFIGS["post-norm"]
    model = Transformer(config).eval()
    model.reset(seed=3)
    options = SearchOptions(beam=4, nbest=4, length_penalty=0.0, length_ratio=1.0, length_margin=6)
    sources = [[5, 9, 8, 4], [7, 7, 6]]
    for source, found in zip(sources, reference.search(model, sources, options), strict=True):
        for hypothesis in found:
            target = [*hypothesis.tokens, config.eos_id] if hypothesis.complete else list(hypothesis.tokens)
            with torch.inference_mode():
                logits = model(
                    torch.tensor([[*source, config.eos_id]]),
                    torch.tensor([len(source) + 1]),
                    torch.tensor([[config.decoder_start_id, *target[:-1]]]),
                )[0].double()
            scores = logits.log_softmax(-1)[range(len(target)), target]
            assert hypothesis.score == pytest.approx(float(scores.sum()), abs=1e-3)


def test_every_tensor_trains() -> None:
    model = Transformer(CONFIGS["pre-norm"], Dropout(0.1, 0.1, 0.1)).train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(SOURCE, LENGTHS, TARGET)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), TARGET.flatten()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_integer_transformers_have_none() -> None:
    with pytest.raises(SpecError, match="l1-layer-norm: such a model cannot have decoder_mixer"):
        dataclasses.replace(CONFIGS["pre-norm"], norm_function=NormFunction.L1)

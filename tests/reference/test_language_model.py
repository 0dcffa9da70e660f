"""The reference language model: its tensors, causality, decoding with a cache, log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from octavo.model.config import (
    Activation,
    AttentionFunction,
    ModelConfig,
    NormFunction,
    NormPlacement,
    PolynomialSharing,
    Positions,
)
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors
from octavo.reference import LanguageModel, Transformer, language_model_from_arrays, to_arrays

from ..models import language_config, random_tensors, tiny_config

TOKENS = torch.tensor([[3, 20, 21, 22, 3, 40], [3, 23, 3, 24, 25, 26]])
POLYNOMIAL = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}
CONFIGS = {
    "softmax": language_config(),
    "post-norm": language_config(norm=NormPlacement.POST, embedding_norm=True, activation=Activation.GELU),
    "an output of its own": language_config(tied_output=False, output_bias=True, scale_embeddings=False),
    "learned positions": language_config(positions=Positions.LEARNED, position_offset=2),
    "integer": language_config(**POLYNOMIAL),
    "integer, shared by a layer": language_config(
        **POLYNOMIAL, polynomial_sharing=PolynomialSharing.LAYER, polynomial_degree=2
    ),
}


def model(config: ModelConfig) -> LanguageModel:
    return language_model_from_arrays(config, random_tensors(config))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_it_has_the_spec_tensors_and_decodes_as_it_is_forced(config: ModelConfig) -> None:
    reference = model(config)
    found = {name: tuple(tensor.shape) for name, tensor in reference.state_dict().items()}
    assert found == {spec.name: spec.shape for spec in tensors(config, Scheme.NONE)}
    with torch.inference_mode():
        forced = reference(TOKENS)
        state = reference.start(rows=2)
        prompt = reference.extend(TOKENS[:, :2], state)
        steps = [reference.step(TOKENS[:, t], state) for t in range(2, 5)]
        state.select(torch.tensor([1]))
        last = reference.step(TOKENS[1:, 5], state)
    assert forced.isfinite().all()
    torch.testing.assert_close(prompt, forced[:, :2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.stack(steps, dim=1), forced[:, 2:5], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last, forced[1:, 5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_no_token_is_scored_by_itself_or_by_later_ones(config: ModelConfig) -> None:
    reference = model(config)
    changed = TOKENS.clone()
    changed[:, 4:] = 50
    with torch.inference_mode():
        before, after = reference(TOKENS), reference(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert (before[:, 4:] != after[:, 4:]).any(-1).all()


@pytest.mark.parametrize("config", [CONFIGS["softmax"], CONFIGS["integer"]], ids=["softmax", "integer"])
def test_it_is_the_decoder_of_a_translator_whose_attention_to_the_source_adds_nothing(
    config: ModelConfig,
) -> None:
    parts: dict[str, Any] = {"attention": config.attention, "norm_function": config.norm_function}
    translator = Transformer(tiny_config(shared_embeddings=False, **parts)).eval()
    arrays = random_tensors(config)
    with torch.no_grad():
        for name, tensor in translator.state_dict().items():
            if name in arrays:
                tensor.copy_(torch.from_numpy(arrays[name]))
            elif "cross_attention.output" in name:
                tensor.zero_()
        forced = translator(torch.tensor([[3], [3]]), torch.tensor([1, 1]), TOKENS)
        alone = model(config)(TOKENS)
    torch.testing.assert_close(alone, forced, rtol=1e-5, atol=1e-5)


def test_log_probabilities_are_those_of_a_plain_softmax() -> None:
    reference = model(language_config())
    with torch.inference_mode():
        found = reference.log_probabilities(TOKENS)
        for row, tokens in enumerate(TOKENS.tolist()):
            for t in range(len(tokens) - 1):
                logits = reference(torch.tensor([tokens[: t + 1]]))[0, -1].double().tolist()
                largest = max(logits)
                total = sum(math.exp(logit - largest) for logit in logits)
                expected = logits[tokens[t + 1]] - largest - math.log(total)
                assert found[row, t].item() == pytest.approx(expected, abs=2e-5)


def test_more_tokens_than_positions_are_refused() -> None:
    reference = model(language_config(max_positions=4))
    state = reference.start(rows=1)
    reference.extend(torch.tensor([[3, 4, 5]]), state)
    with pytest.raises(ValueError, match="5 tokens; the model has 4 positions"):
        reference.extend(torch.tensor([[6, 7]]), state)
    with pytest.raises(ValueError, match="5 tokens; the model has 4 positions"):
        reference(torch.tensor([[3, 4, 5, 6, 7]]))


def test_either_model_refuses_the_configuration_of_the_other() -> None:
    with pytest.raises(ValueError, match=r"a language model; octavo\.reference\.LanguageModel is one"):
        Transformer(language_config())
    with pytest.raises(ValueError, match=r"a translation model; octavo\.reference\.Transformer is one"):
        LanguageModel(tiny_config())


def test_weights_come_back_from_arrays() -> None:
    config = language_config()
    arrays = random_tensors(config)
    found = to_arrays(language_model_from_arrays(config, arrays))
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    with pytest.raises(ValueError, match=r"tensor output.bias is unknown to this configuration"):
        language_model_from_arrays(config, arrays | {"output.bias": np.zeros(96, np.float32)})

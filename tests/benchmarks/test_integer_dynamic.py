"""The paper's form is close to real arithmetic, closer with finer scales, and row by row exact."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.integer_dynamic import DynamicArithmetic, DynamicForm
from tests.integer.frozen_models import CONFIGS, SOURCE, TARGET, float_model, relative_error
from tests.integer.integer_models import random_integer_model
from tests.integer.steps import check_steps
from tests.models import integer_config, language_config

from octavo.errors import QuantizationError
from octavo.integer import ForwardPass, RealTransformer
from octavo.integer.forward import source_tokens, target_tokens
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction, NormPlacement
from octavo.quantization import TensorModel
from octavo.scale_propagation import ScaledTensor

FORMS = {
    "paper's": DynamicForm(),
    "int8 residual": DynamicForm(residual_bits=8),
    "int32 residual": DynamicForm(residual_bits=32),
    "per sentence": DynamicForm(scale_per_row=False),
    "weights in one": DynamicForm(scale_per_channel=False),
    "coarsest": DynamicForm(residual_bits=8, scale_per_row=False, scale_per_channel=False),
}


def forward_pass(model: TensorModel, form: DynamicForm | None = None) -> ForwardPass[ScaledTensor]:
    return ForwardPass(model.config, DynamicArithmetic(model, form))


def dynamic_logits(model: TensorModel, form: DynamicForm, target: list[int]) -> np.ndarray:
    """Of SOURCE, as real numbers."""
    return forward_pass(model, form).forced(SOURCE, target).dequantize()[0]


def error(model: TensorModel, form: DynamicForm) -> float:
    """Relative, of the logits of one sentence."""
    expected = RealTransformer(model).logits(SOURCE, TARGET)
    return relative_error(dynamic_logits(model, form, TARGET), expected)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_logits_are_close_to_real_ones(config: ModelConfig, form: DynamicForm) -> None:
    """8 bits of every operand; without b many scores are 0, and whether they are decides more."""
    assert 0 < error(float_model(config), form) < (0.06 if config.polynomial_bias else 0.3)


def test_finer_scales_and_wider_streams_lose_less() -> None:
    """The mean of twelve models."""
    mean = dict.fromkeys(FORMS, 0.0)
    for seed in range(12):
        model = float_model(seed=seed)
        for name, form in FORMS.items():
            mean[name] += error(model, form) / 12
    assert mean["paper's"] < mean["int8 residual"] < mean["coarsest"]
    assert mean["paper's"] < min(mean["per sentence"], mean["weights in one"])
    assert abs(mean["int32 residual"] / mean["paper's"] - 1) < 0.1


@pytest.mark.parametrize("form", [DynamicForm(), DynamicForm(residual_bits=8, scale_per_channel=False)])
def test_with_a_scale_a_row_no_row_changes_another(form: DynamicForm) -> None:
    """Bit-equal: later target tokens, and other sentences of a batch."""
    model = float_model()
    whole = dynamic_logits(model, form, TARGET)
    for length in (0, 3):
        np.testing.assert_array_equal(dynamic_logits(model, form, TARGET[:length]), whole[: length + 1])
    forward = forward_pass(model, form)
    source, target = source_tokens(model.config, SOURCE), target_tokens(model.config, TARGET)
    two = forward.logits(np.concatenate([source[:, ::-1], source]), np.concatenate([target + 1, target]))
    np.testing.assert_array_equal(two.dequantize()[1], whole)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_values_keep_their_bits(bits: int) -> None:
    """Streams those of the form, what products read 8; each re-scaled to the most it may be."""
    model = float_model()
    arithmetic = DynamicArithmetic(model, DynamicForm(residual_bits=bits))
    levels = {8: 127, 16: 32767, 32: (2**31 - 1) // 32}[bits]
    stream = arithmetic.embed("encoder", source_tokens(model.config, SOURCE))
    y = arithmetic.norm("encoder.layers.0.feed_forward.norm", stream)
    hidden = arithmetic.hidden("encoder.layers.0.feed_forward.inner", y)
    after = arithmetic.add_product("encoder.layers.0.feed_forward.outer", hidden, stream)

    def check(x: ScaledTensor, most: int) -> None:
        assert x.limit == most and set(np.abs(x.integers.astype(int)).max(axis=-1).ravel()) == {most}
        assert x.scale.shape == (1, len(SOURCE) + 1, 1)

    check(stream, levels)
    check(y, 127)
    check(hidden, 255)
    check(after, levels)


def test_a_scale_a_sentence_is_one_scale() -> None:
    model = float_model()
    arithmetic = DynamicArithmetic(model, DynamicForm(scale_per_row=False))
    source = np.concatenate([source_tokens(model.config, ids) for ids in (SOURCE, [4] * len(SOURCE))])
    stream = arithmetic.embed("encoder", source)
    y = arithmetic.norm("encoder.norm", stream)
    query = arithmetic.project("decoder.layers.0.cross_attention.key", y)
    for x in (stream, y, query):
        assert x.scale.shape == (2, 1, 1)
        assert np.abs(x.integers.astype(int)).max(axis=(1, 2)).tolist() == [x.limit, x.limit]


def test_what_cannot_run_is_refused() -> None:
    with pytest.raises(QuantizationError, match="residual_bits = 12: it is 8, 16 or 32"):
        DynamicForm(residual_bits=12)
    with pytest.raises(QuantizationError, match="norm = post; only a pre-norm"):
        DynamicArithmetic(float_model(integer_config(norm=NormPlacement.POST)))
    with pytest.raises(QuantizationError, match="scheme integer; the dynamic form takes a float one"):
        DynamicArithmetic(random_integer_model(integer_config()))


@pytest.mark.parametrize("form", [DynamicForm(), DynamicForm(residual_bits=8)], ids=str)
def test_steps_equal_the_whole_target(form: DynamicForm) -> None:
    check_steps(forward_pass(float_model(), form), exact=True)


def test_a_language_model_has_the_form_too() -> None:
    config = language_config(attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1)
    model = float_model(config)
    expected = RealTransformer(model).logits([], TARGET)
    assert relative_error(forward_pass(model).forced([], TARGET).dequantize()[0], expected) < 0.15
    check_steps(forward_pass(model), exact=True)

"""The model specification: ranges, each named with its key."""

from __future__ import annotations

import math

import pytest

from octavo.model.config import (
    EXTENSION_KEYS,
    INTEGER_TRANSFORMER_KEYS,
    AttentionFunction,
    ModelConfig,
    NormFunction,
    NormPlacement,
    PolynomialSharing,
)
from octavo.model.errors import SpecError
from octavo.model.limits import MAX_BEAM, MAX_POSITIONS
from octavo.model.search import SearchDefaults
from octavo.model.tensor_table import float_shapes, weight_shapes

from ..models import integer_config, language_config, tiny_config


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_positions", 1, f"max_positions = 1: must be from 2 to {MAX_POSITIONS}"),
        ("max_positions", MAX_POSITIONS + 1, f"must be from 2 to {MAX_POSITIONS}"),
        ("d_model", 0, "d_model = 0: must be from 1 to"),
        ("encoder_layers", 257, "encoder_layers = 257: must be from 0 to 256"),
    ],
)
def test_a_model_out_of_range_is_refused(key: str, value: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ModelConfig.from_dict({**tiny_config().to_dict(), key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("beam", MAX_BEAM + 1),
        ("length_penalty", -0.1),
        ("length_penalty", math.nan),
        ("length_penalty", math.inf),
        ("length_ratio", math.nan),
        ("length_margin", -1),
    ],
)
def test_search_defaults_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(SpecError, match=f"{key} = .*: must be from"):
        SearchDefaults.from_dict({key: value})


@pytest.mark.parametrize(
    "config",
    [
        tiny_config(norm_function=NormFunction.L1),
        integer_config(norm_function=NormFunction.LAYER),
        integer_config(
            polynomial_degree=4, polynomial_sharing=PolynomialSharing.LAYER, polynomial_bias=False
        ),
    ],
)
def test_an_integer_transformer_comes_back_from_its_plain_values(config: ModelConfig) -> None:
    values = config.to_dict()
    assert set(values) > set(INTEGER_TRANSFORMER_KEYS)
    assert ModelConfig.from_dict(values) == config


def test_an_ordinary_transformer_is_written_as_it_always_was() -> None:
    values = tiny_config().to_dict()
    assert not set(values) & set(INTEGER_TRANSFORMER_KEYS)
    config = ModelConfig.from_dict(values)
    assert (config.attention, config.norm_function) == (AttentionFunction.SOFTMAX, NormFunction.LAYER)
    assert config.integer_transformer_part is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "linear"}, "attention = 'linear': must be one of softmax, polynomial"),
        ({"polynomial_degree": 5}, "polynomial_degree = 5: must be from 1 to 4"),
        ({"polynomial_degree": 0}, "polynomial_degree = 0: must be from 1 to 4"),
        ({"polynomial_degree": 2.0}, "polynomial_degree = 2.0: expected int"),
        ({"polynomial_bias": 0}, "polynomial_bias = 0: expected bool"),
        ({"polynomial_sharing": "model"}, "polynomial_sharing = 'model': must be one of layer, head"),
        (
            {"norm_function": "batch-norm"},
            "norm_function = 'batch-norm': must be one of layer-norm, l1-layer-norm, rms-norm",
        ),
        (
            {"attention": "softmax", "polynomial_degree": 2},
            "polynomial_degree = 2: only attention = polynomial",
        ),
        ({"attention": "softmax", "polynomial_delta": False}, "polynomial_delta = False: only attention ="),
    ],
)
def test_a_bad_integer_transformer_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ModelConfig.from_dict({**integer_config().to_dict(), **changes})


@pytest.mark.parametrize(("sharing", "count"), [(PolynomialSharing.HEAD, 2), (PolynomialSharing.LAYER, 1)])
def test_every_attention_has_its_polynomial(sharing: PolynomialSharing, count: int) -> None:
    def polynomials(**switches: bool) -> dict[str, tuple[int, ...]]:
        config = integer_config(polynomial_sharing=sharing, **switches)
        return {name: shape for name, shape in float_shapes(config) if "polynomial" in name}

    every = polynomials()
    assert len(every) == 2 * 6
    assert set(every.values()) == {(count,)}
    assert "decoder.layers.1.cross_attention.polynomial.delta" in every
    assert {name for name in every if name.endswith("bias")} == set(polynomials(polynomial_delta=False))
    assert {name for name in every if name.endswith("delta")} == set(polynomials(polynomial_bias=False))


def test_a_language_model_is_a_decoder_alone() -> None:
    config = language_config()
    assert config.is_language_model
    assert not tiny_config().is_language_model
    assert ModelConfig.from_dict(config.to_dict()) == config
    names = {name for shapes in (weight_shapes, float_shapes) for name, _ in shapes(config)}
    assert "decoder.embedding.weight" in names
    assert not [name for name in names if name.startswith("encoder.") or "cross_attention" in name]
    decoder_of_a_translator = {
        name
        for shapes in (weight_shapes, float_shapes)
        for name, _ in shapes(tiny_config(shared_embeddings=False))
        if not name.startswith("encoder.") and "cross_attention" not in name
    }
    assert names == decoder_of_a_translator


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shared_embeddings": True}, "encoder_layers = 0: a language model has one embedding; shared_emb"),
        ({"source_vocab_size": 97}, "encoder_layers = 0: a language model has one vocabulary, so source"),
        ({"source_eos": False}, "encoder_layers = 0: a language model has no source; leave source_eos"),
        ({"encoder_layers": -1}, "encoder_layers = -1: must be from 0 to 256"),
    ],
)
def test_a_bad_language_model_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ModelConfig.from_dict({**language_config().to_dict(), **changes})


EXTENSIONS = {
    "decoder_mixer": "ssru",
    "gated": True,
    "attention_head_dim": 32,
    "relative_buckets": 32,
    "norm_function": "rms-norm",
    "activation": "gelu-tanh",
}


@pytest.mark.parametrize("key", EXTENSIONS)
def test_an_extension_is_written_where_it_is_no_default(key: str) -> None:
    values = tiny_config().to_dict() | {key: EXTENSIONS[key]}
    config = ModelConfig.from_dict(values)
    assert config.extension == f"{key} = {EXTENSIONS[key]}"
    assert config.to_dict() == values
    assert config.integer_transformer_part is None


def test_an_ordinary_transformer_has_no_extension() -> None:
    assert tiny_config().extension is None
    assert not set(tiny_config().to_dict()) & set(EXTENSION_KEYS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relative_buckets": 30}, "relative_buckets = 30: must be a multiple of 4"),
        ({"relative_buckets": 32, "relative_distance": 16}, "relative_distance = 16: must be more than half"),
        ({"attention_heads": 4, "attention_head_dim": 65_536}, "4 heads have together at most 65536"),
        ({"attention": "polynomial", "gated": True}, "attention = polynomial: such a model cannot have"),
        ({"d_model": 2, "attention_heads": 1, "positions": "sinusoidal-tensor2tensor"}, "needs a width of 4"),
    ],
)
def test_a_bad_extension_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ModelConfig.from_dict(tiny_config().to_dict() | changes)


def test_extensions_have_their_tensors() -> None:
    values = tiny_config(norm=NormPlacement.PRE).to_dict() | EXTENSIONS
    config = ModelConfig.from_dict(values)
    shapes = dict(weight_shapes(config)) | dict(float_shapes(config))
    heads, d, ffn = config.attention_heads, config.d_model, config.ffn_dim
    assert shapes["encoder.layers.0.self_attention.query.weight"] == (heads * 32, d)
    assert shapes["encoder.layers.0.self_attention.output.weight"] == (d, heads * 32)
    assert shapes["decoder.layers.0.ssru.candidate.weight"] == (d, d)
    assert shapes["decoder.layers.0.feed_forward.gate.weight"] == (ffn, d)
    assert shapes["decoder.relative_bias"] == (32, heads)
    assert "decoder.layers.0.self_attention.query.weight" not in shapes
    assert not {name for name in shapes if name.endswith("norm.bias")}

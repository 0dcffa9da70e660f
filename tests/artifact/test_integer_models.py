"""Model directories of the scheme integer: integers only, and every fault in them named."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.errors import ModelError
from octavo.model.errors import SpecError
from octavo.model.integer_format import IntegerScales
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import DType, integer_tensors, tensors

from ..models import integer_config, random_integers, tiny_config, write_tiny_model
from .test_model_directory import edit_config, edit_tensors, refusal

ATTENTION = "decoder.layers.1.cross_attention"
INNER = "encoder.layers.0.feed_forward.inner"
VARIANTS: list[dict[str, Any]] = [
    {},
    {"polynomial_sharing": "layer", "polynomial_bias": False, "polynomial_delta": False},
    {"positions": "learned", "output_bias": True, "position_offset": 2, "tied_output": False},
    {"shared_embeddings": False, "source_vocab_size": 80, "polynomial_degree": 1},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model", scheme=Scheme.INTEGER)


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_model_comes_back(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = integer_config().from_dict({**integer_config().to_dict(), **changes})
    path = write_tiny_model(tmp_path / "model", config=config, scheme=Scheme.INTEGER)
    model = ModelDirectory.open(path)
    assert (model.config, model.scheme, model.plan) == (config, Scheme.INTEGER, None)
    assert model.integer_scales == IntegerScales(2000.0, 1500.0, 1e5)
    assert json.loads((path / "config.json").read_text())["quantization"] == {
        "residual": {"encoder": 2000.0, "decoder": 1500.0},
        "logits": 1e5,
    }
    written = random_integers(config)
    assert model.tensor_names() == sorted(written)
    with model.tensor_reader() as tensor:
        for name, array in model.tensors():
            assert array.dtype == written[name].dtype
            assert (array == written[name]).all()
            assert (tensor(name) == array).all()


def test_no_tensor_is_floating_point() -> None:
    kinds = {kind for spec in integer_tensors(integer_config()) for kind in spec.dtypes}
    assert kinds == {DType.I8, DType.I16, DType.I32}


def test_polynomials_are_stated_for_every_head_whatever_is_shared() -> None:
    every, none = (
        tensors(integer_config(polynomial_bias=on, polynomial_delta=on), Scheme.INTEGER)
        for on in (True, False)
    )
    assert every == none


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda q: q.clear(), "quantization: expected an object with the keys residual and logits"),
        (lambda q: q.update(residual=3), "residual: expected an object with the keys encoder (but"),
        (lambda q: q["residual"].pop("decoder"), "residual: expected an object with the keys"),
        (lambda q: q["residual"].pop("encoder"), "residual: encoder: the encoder's scale is missing"),
        (lambda q: q["residual"].update(decoder=0), "decoder residual: scale 0.0: must be from"),
        (lambda q: q["residual"].update(encoder=-2), "encoder residual: scale -2.0: must be from"),
        (lambda q: q.update(logits=1e40), "logits: scale 1e+40: must be from"),
        (lambda q: q.update(logits="1"), "logits: '1' is no finite number"),
        (lambda q: q.update(logits=True), "logits: True is no finite number"),
        (lambda q: q.update(logits=math.nan), "not valid JSON (NaN is not a number)"),
    ],
)
def test_scales_with_a_fault(path: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    edit_config(path, lambda values: edit(values["quantization"]))
    assert message in refusal(path)


def test_scales_belong_to_the_scheme(path: Path, tmp_path: Path) -> None:
    edit_config(path, lambda values: values.pop("quantization"))
    assert "missing key 'quantization'" in refusal(path)
    ordinary = write_tiny_model(tmp_path / "float")
    scales = IntegerScales(1.0, 1.0, 1.0)
    edit_config(ordinary, lambda values: values.update(quantization=scales.to_dict()))
    assert "unknown key 'quantization'" in refusal(ordinary)
    with pytest.raises(ModelError, match="scheme none has no scales of its own"):
        write_tiny_model(tmp_path / "new", integer_scales=scales)
    with pytest.raises(ModelError, match="needs the scales of its residual streams and logits"):
        write_tiny_model(tmp_path / "new", scheme=Scheme.INTEGER, integer_scales=None)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (tiny_config().to_dict() | {"attention": "softmax"}, "attention = softmax"),
        ({"norm_function": "layer-norm"}, "norm_function = layer-norm"),
        ({"norm": "post"}, "norm = post"),
        ({"activation": "gelu"}, "activation = gelu"),
        ({"embedding_norm": True}, "embedding_norm = true"),
        ({"d_model": 32_768, "attention_heads": 2}, "d_model = 32768"),
    ],
)
def test_other_models_are_not_of_the_scheme(path: Path, changes: dict[str, Any], found: str) -> None:
    softmax = "softmax" in changes.values()
    model = changes if softmax else {**integer_config().to_dict(), **changes}
    edit_config(path, lambda values: values.update(model=model))
    assert f"embedding_norm and d_model up to 16384; this one has {found}" in refusal(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (f"{INNER}.weight", -128, "holds -128; int8 weights go from -127 to 127"),
        (f"{INNER}.multiplier", 0, "holds 0, a scale of zero; multipliers go from 1073741824 to 2147483647"),
        (f"{INNER}.multiplier", 2**30 - 1, "holds 1073741823; it must be from 1073741824 to 2147483647"),
        (f"{INNER}.multiplier", -(2**31), "holds -2147483648; it must be from"),
        (f"{INNER}.shift", -8, "holds -8; it must be from -7 to 22"),
        (f"{INNER}.shift", 23, "holds 23; it must be from -7 to 22"),
        ("decoder.embedding.shift", -17, "holds -17; it must be from -16 to 22"),
        ("encoder.norm.shift", 0, "holds 0; it must be from 1 to 22"),
        ("encoder.norm.weight", -32768, "holds -32768; it must be from -32767 to 32767"),
        ("encoder.norm.bias", 2**29, "holds 536870912; it must be from -536870911 to 536870911"),
        (f"{ATTENTION}.polynomial.bias", 2**30, "holds 1073741824; it must be from"),
        (f"{ATTENTION}.polynomial.delta", 5, "is neither 0 nor from 2^30 to 2^31 - 1 in some head"),
        (f"{ATTENTION}.polynomial.delta_shift", 0, "holds 0; it must be from 1 to 127"),
        (f"{ATTENTION}.context_multiplier", 0, "holds 0, a scale of zero"),
        (f"{ATTENTION}.context_exponent", -25, "holds -25; it must be from -127 to -26"),
    ],
)
def test_integers_beyond_their_limits(path: Path, name: str, value: int, message: str) -> None:
    edit_tensors(path, lambda found: found[name].reshape(-1).__setitem__(1 % found[name].size, value))
    assert f"tensor {name}" in (refused := refusal(path))
    assert message in refused


def test_multipliers_are_stored_in_16_bits_where_that_loses_nothing(tmp_path: Path) -> None:
    written = random_integers(integer_config())
    for name, array in written.items():
        if name.endswith(".multiplier"):
            array &= -(2**16)
    written[f"{INNER}.multiplier"][3] |= 1
    model = ModelDirectory.open(write_tiny_model(tmp_path / "m", scheme=Scheme.INTEGER, tensors=written))
    types = model.stored_types()
    assert (types["output.multiplier"], types[f"{INNER}.multiplier"]) == (DType.I16, DType.I32)
    for name, array in model.tensors():
        assert array.dtype == written[name].dtype
        assert (array == written[name]).all()
    edit_tensors(model.path, lambda found: found["output.multiplier"].__setitem__(5, 2**14 - 1))
    assert f"tensor output.multiplier holds {(2**14 - 1) << 16}; it must be from" in refusal(model.path)


def test_the_gains_of_a_wide_norm_have_fewer_bits() -> None:
    gains = {spec.name: spec.limits for spec in integer_tensors(integer_config(d_model=256))}
    assert gains["encoder.norm.weight"] == (-4095, 4095)


def test_sums_that_could_overflow(path: Path) -> None:
    edit_tensors(path, lambda found: found[f"{INNER}.bias"].__setitem__(3, 2**31 - 1))
    assert f"product {INNER}: the sum of row 3 may reach 21" in (message := refusal(path))
    assert "which overflows int32" in message


def test_sums_too_large_for_their_shift(path: Path) -> None:
    """Of that row alone: others may have any shift."""
    edit_tensors(path, lambda found: found[f"{INNER}.shift"].__setitem__(3, -7))
    edit_tensors(path, lambda found: found[f"{INNER}.bias"].__setitem__(5, 2**24))
    ModelDirectory.open(path)
    edit_tensors(path, lambda found: found[f"{INNER}.bias"].__setitem__(3, -(2**23)))
    message = rf"product {INNER}: the sum of row 3 may reach \d+, too much for its factor's shift, -7"
    assert re.search(message, refusal(path))


def test_logits_beyond_binary32(tmp_path: Path) -> None:
    config = integer_config(output_bias=True)
    path = write_tiny_model(tmp_path / "model", config=config, scheme=Scheme.INTEGER)
    edit_tensors(path, lambda found: found["output.shift"].__setitem__(7, -7))
    ModelDirectory.open(path)
    edit_tensors(path, lambda found: found["output.bias"].__setitem__(7, -(2**20)))
    assert "product output: the logit of token 7 may reach" in refusal(path)


def test_contexts_of_too_large_a_scale(path: Path) -> None:
    edit_tensors(path, lambda found: found[f"{ATTENTION}.context_exponent"].__setitem__(1, -26))
    assert f"{ATTENTION}.context_multiplier: head 1 scales its context by" in refusal(path)


def test_what_would_overflow_is_not_written(tmp_path: Path) -> None:
    found = random_integers(integer_config())
    found[f"{INNER}.bias"][0] = -(2**31) + 1
    with pytest.raises(ModelError, match=f"product {INNER}: the sum of row 0 may reach"):
        write_tiny_model(tmp_path / "model", scheme=Scheme.INTEGER, tensors=found)
    assert not (tmp_path / "model").exists()


def test_wrong_type(path: Path) -> None:
    name = f"{INNER}.bias"
    edit_tensors(path, lambda found: found.update({name: found[name].astype(np.float32)}))
    assert f"tensor {name} is F32; it must be I32" in refusal(path)


def test_scales_of_a_stack() -> None:
    scales = IntegerScales(2.0, 3.0, 4.0)
    assert (scales.residual("encoder"), scales.residual("decoder")) == (2.0, 3.0)
    with pytest.raises(SpecError, match="logits: scale nan"):
        IntegerScales(2.0, 3.0, math.nan)

"""Model directories with a quantization plan: what it decides, and every fault in it named."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.model.plan import dynamic_plan
from octavo.model.scheme import Scheme

from ..models import tiny_config, write_tiny_model
from ..plans import plan_for
from .test_model_directory import edit_config, refusal

HEADS = "encoder.layers.0.self_attention.queries"
STATIC = "encoder.layers.0.self_attention.input"


def set_input(how: object) -> Callable[[dict[str, Any]], object]:
    return lambda plan: plan["inputs"].update({STATIC: how})


def set_heads(scales: object) -> Callable[[dict[str, Any]], object]:
    return lambda plan: plan["heads"].update({HEADS: scales})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda p: p.clear(), "expected an object with the keys float32, inputs and heads"),
        (lambda p: p.update(extra=1), "expected an object with the keys"),
        (lambda p: p.update(float32="output"), "float32: expected a list of products"),
        (lambda p: p.update(float32=[["output"]]), "float32: expected a list of products"),
        (lambda p: p.update(float32=["encoder"]), "float32: the model has no product 'encoder'"),
        (lambda p: p.update(float32=["output"]), "inputs: no int8 product reads 'decoder.output'"),
        (lambda p: p.update(inputs=[]), "inputs and heads: expected objects"),
        (lambda p: p["inputs"].pop(STATIC), f"inputs: {STATIC} is missing"),
        (lambda p: p["heads"].pop(HEADS), f"heads: {HEADS} is missing"),
        (lambda p: p["inputs"].update({"a\nb" * 999: "dynamic"}), "inputs: no int8 product reads 'a"),
        (lambda p: p["inputs"].update({"a\nb" * 999: {"scale": 1, "zero_point": 0.5}}), "zero_point must be"),
        (lambda p: p["heads"].update({"a\nb" * 999: [0]}), "scale = 0"),
        (set_input("static"), "expected 'dynamic', or a scale and a zero_point"),
        (set_input({"scale": 1}), "expected 'dynamic', or a scale and a zero_point"),
        (set_input({"scale": 0, "zero_point": 1}), f"inputs: '{STATIC}': scale = 0.0: must be from 7.9e-31"),
        (set_input({"scale": -1, "zero_point": 1}), "scale = -1.0: must be from"),
        (set_input({"scale": 1e40, "zero_point": 1}), "scale = 1e+40: must be from"),
        (set_input({"scale": "1", "zero_point": 1}), "'1' is no finite number"),
        (set_input({"scale": True, "zero_point": 1}), "True is no finite number"),
        (set_input({"scale": math.nan, "zero_point": 1}), "not valid JSON (NaN is not a number)"),
        (set_input({"scale": 1, "zero_point": 300}), "zero_point = 300: must be from 0 to 255"),
        (set_input({"scale": 1, "zero_point": -1}), "zero_point = -1: must be from 0 to 255"),
        (set_input({"scale": 1, "zero_point": 1.5}), "zero_point must be a whole number"),
        (set_input({"scale": 1, "zero_point": True}), "zero_point must be a whole number"),
        (set_input({"scale": 1, "narrow_range": True}), "expected 'dynamic', or a scale and a zero_point"),
        (set_input({"scale": 1, "zero_point": 1, "narrow_range": 1}), "narrow_range must be true or false"),
        (set_input({"scale": 1, "zero_point": 0, "narrow_range": True}), "zero_point = 0: a narrow range"),
        (set_heads([0.1]), f"heads: {HEADS} has 1 scales, the model 2 heads"),
        (set_heads([0.1, 0]), f"heads: '{HEADS}': scale = 0.0: must be from"),
        (set_heads([0.1, None]), "None is no finite number"),
        (set_heads(0.1), "expected a list of scales"),
    ],
)
def test_plan_with_a_fault(tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    path = write_tiny_model(tmp_path / "model", scheme=Scheme.INT8, plan=plan_for(tiny_config(), "full"))
    edit_config(path, lambda values: edit(values["quantization"]))
    found = refusal(path)
    assert found.startswith(f"{path}/config.json: ")
    assert message in found
    assert "\n" not in found and len(found) < 400 + len(str(path))


def test_scale_beyond_float64(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model", scheme=Scheme.INT8, plan=plan_for(tiny_config(), "full"))
    text = (path / "config.json").read_text(encoding="utf-8")
    (path / "config.json").write_text(text.replace('"scale": 0.', '"scale": 1e400, "": 0.', 1))
    assert "1e400" in refusal(path)
    (path / "config.json").write_text(re.sub(r'"scale": [0-9.e-]+', '"scale": 1e400', text, count=1))
    assert "1e400" in refusal(path)


def test_plan_decides_the_tensors(tmp_path: Path) -> None:
    """The output in float32 keeps the tied embedding in floating point."""
    config = tiny_config()
    full, kept = plan_for(config, "full"), plan_for(config, "full")
    del kept.inputs["decoder.output"]
    kept = dataclasses.replace(kept, float32=frozenset({"output"}))
    path = write_tiny_model(tmp_path / "kept", scheme=Scheme.INT8, plan=kept)
    assert ModelDirectory.open(path).tensor("encoder.embedding.weight").dtype == np.float32
    edit_config(path, lambda values: values.update(quantization=full.to_dict()))
    assert "tensor encoder.embedding.weight_scale is missing" in refusal(path)


def test_a_dynamic_model_states_no_plan(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model", scheme=Scheme.INT8_DYNAMIC)
    assert ModelDirectory.open(path).plan == dynamic_plan(tiny_config())
    stated = dynamic_plan(tiny_config()).to_dict()
    edit_config(path, lambda values: values.update(quantization=stated))
    assert "unknown key 'quantization'" in refusal(path)
    edit_config(path, lambda values: values.update(scheme="int8"))
    assert ModelDirectory.open(path).plan == dynamic_plan(tiny_config())

"""What the engine reads of a model's configuration."""

from __future__ import annotations

import dataclasses

import pytest

from octavo.engine import Engine, EngineError, _native
from octavo.model.config import ModelConfig
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel

from ..models import random_tensors, tiny_config

#: For other parts of the package: what of an Integer Transformer is folded into its integers, and ids that
#: mean something only in text.
READ_ELSEWHERE = {
    *("attention", "polynomial_sharing", "polynomial_bias", "polynomial_delta"),
    *("pad_id", "unk_id"),
}


def test_every_option_is_read_under_its_own_name() -> None:
    options = _native.config_options()
    assert len(options) == len(set(options))
    fields = {field.name for field in dataclasses.fields(ModelConfig)}
    assert set(options) == fields - READ_ELSEWHERE


def test_what_the_engine_does_not_compute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [name for name in _native.config_options() if name != "gated"]
    monkeypatch.setattr(_native, "config_options", lambda: known)
    config = tiny_config(gated=True)
    model = TensorModel(config, Scheme.NONE, random_tensors(config), path="a model")
    with pytest.raises(EngineError, match="gated = True: this version's engine does not compute it"):
        Engine(model, precision="float32")

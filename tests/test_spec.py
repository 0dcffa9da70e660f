"""The model specification: ranges, each named with its key."""

from __future__ import annotations

import math

import pytest

from octavo.spec import MAX_BEAM, MAX_POSITIONS, ModelConfig, SearchDefaults, SpecError

from .models import tiny_config


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_positions", 1, f"max_positions = 1: must be from 2 to {MAX_POSITIONS}"),
        ("max_positions", MAX_POSITIONS + 1, f"must be from 2 to {MAX_POSITIONS}"),
        ("d_model", 0, "d_model = 0: must be from 1 to"),
        ("encoder_layers", 257, "encoder_layers = 257: must be from 1 to 256"),
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
        ("length_margin", 0),
    ],
)
def test_search_defaults_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(SpecError, match=f"{key} = .*: must be from"):
        SearchDefaults.from_dict({key: value})

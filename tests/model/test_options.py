"""An option of the model is one line in one place: whatever lists options takes them from ModelConfig."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import pytest

from octavo.model import fields
from octavo.model.config import DEFAULTS, EXTENSION_KEYS, INTEGER_TRANSFORMER_KEYS, ModelConfig, Unwritten
from octavo.model.errors import SpecError
from octavo.model.fields import Between, marks_of, types_of

from ..models import tiny_config

KEYS = [field.name for field in dataclasses.fields(ModelConfig)]


@dataclasses.dataclass(frozen=True)
class Options:
    """Two options, each a line."""

    width: Annotated[int, Between(1, 8), "a width"]
    doubled: Annotated[bool, Unwritten.AT_DEFAULT, "twice as wide"] = False


def test_a_line_is_type_limits_and_text_of_an_option() -> None:
    assert fields.from_mapping(Options, {"width": 3}) == Options(3)
    with pytest.raises(SpecError, match="doubled = 1: expected bool"):
        fields.from_mapping(Options, {"width": 3, "doubled": 1})
    with pytest.raises(SpecError, match="width = 9: must be from 1 to 8"):
        marks_of(Options, Between)["width"].check("width", 9)
    assert marks_of(Options, Unwritten) == {"doubled": Unwritten.AT_DEFAULT}
    assert marks_of(Options, str) == {"width": "a width", "doubled": "twice as wide"}


@pytest.mark.parametrize(("key", "limits"), marks_of(ModelConfig, Between).items())
def test_the_limits_of_a_line_are_checked(key: str, limits: Between) -> None:
    for value in (limits.least - 1, limits.most + 1):
        with pytest.raises(SpecError, match=f"{key} = {value}: must be from {limits.least} to {limits.most}"):
            ModelConfig.from_dict(tiny_config().to_dict() | {key: value})


def test_every_number_has_limits_and_every_key_says_what_it_is() -> None:
    assert list(marks_of(ModelConfig, str)) == list(types_of(ModelConfig)) == KEYS
    ids = {key for key in KEYS if key.endswith("_id")}
    assert {key for key, kind in types_of(ModelConfig).items() if kind is int} - ids == set(
        marks_of(ModelConfig, Between)
    )


def test_what_is_not_written_has_a_default() -> None:
    unwritten = {*INTEGER_TRANSFORMER_KEYS, *EXTENSION_KEYS}
    assert unwritten <= set(DEFAULTS)
    assert set(tiny_config().to_dict()) == set(KEYS) - unwritten


def test_a_recipe_has_every_key_that_does_not_follow_from_the_vocabulary() -> None:
    pytest.importorskip("pydantic")
    from octavo.training.architecture import FIXED_KEYS, DecoderRecipe, ModelRecipe

    assert set(ModelRecipe.model_fields) == set(KEYS) - FIXED_KEYS
    assert set(DecoderRecipe.model_fields) == set(ModelRecipe.model_fields) - {"encoder_layers"}
    own = {"max_positions"}
    for key, field in ModelRecipe.model_fields.items():
        if key not in own:
            assert field.is_required() == (key not in DEFAULTS)
            assert field.is_required() or field.default == DEFAULTS[key]

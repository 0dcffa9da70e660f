"""What the sections of a recipe share."""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import Field

Positive = Annotated[int, Field(ge=1)]
FromToml = Field(strict=False)
"""TOML writes paths and choices as text, and pairs as arrays."""


class Section(pydantic.BaseModel):
    """Nothing is coerced, but for whole numbers given for floats and what TOML has no type for."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

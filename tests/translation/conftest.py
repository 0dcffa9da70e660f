"""Tiny models, opened with a fake engine and with the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.model.scheme import Scheme
from octavo.translation import Translator

from ..fake_engine import FakeEngine
from ..models import write_tiny_model


@pytest.fixture(scope="session")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "float")


@pytest.fixture(scope="session")
def int8_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "int8", scheme=Scheme.INT8_DYNAMIC)


@pytest.fixture
def engine(float_model: Path) -> FakeEngine:
    return FakeEngine(ModelDirectory.open(float_model).config)


@pytest.fixture
def translator(float_model: Path, engine: FakeEngine) -> Translator:
    """A translator that gives every text back, its unknown characters aside."""
    return Translator(ModelDirectory.open(float_model), engine)

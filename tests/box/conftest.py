"""The model in the box, its float master, the Integer Transformer, and Multi30k's test sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="session")
def master() -> ModelDirectory:
    return ModelDirectory.open(MODELS / "en-de")


@pytest.fixture(scope="session")
def integers() -> ModelDirectory:
    return ModelDirectory.open(MODELS / "en-de-integer")


@pytest.fixture(scope="session")
def boxed() -> ModelDirectory:
    return ModelDirectory.open(boxed_model())


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


@pytest.fixture(scope="session")
def test_2016(shared_data: Path) -> tuple[list[str], list[str]]:
    """English and German of the 1,000 sentences of test_2016_flickr."""
    folder = shared_data / "multi30k"
    return read_lines(folder / "test_2016_flickr.en"), read_lines(folder / "test_2016_flickr.de")


def encoded(model: ModelDirectory, lines: list[str]) -> list[np.ndarray]:
    """Token ids of the model's own vocabulary."""
    tokenizer, _ = model.tokenizers()
    return [np.array(tokenizer.encode(line), np.int32) for line in lines]


@pytest.fixture(scope="session")
def english(test_2016: tuple[list[str], list[str]]) -> list[str]:
    return test_2016[0]

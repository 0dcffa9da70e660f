"""A service with the model in the box, and the library that it must agree with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import octavo
from octavo import Translator
from octavo.translation.translator import boxed_model


@pytest.fixture(scope="session")
def library() -> Iterator[Translator]:
    with octavo.load(threads=1) as translator:
        yield translator


@pytest.fixture(scope="session")
def pool() -> Iterator[object]:
    from octavo.server.model_pool import ModelPool

    models = ModelPool([boxed_model()], threads=1)
    yield models
    models.close()


@pytest.fixture(scope="session")
def address(pool: object) -> Iterator[str]:
    from .running import served

    with served(pool) as url:
        yield url

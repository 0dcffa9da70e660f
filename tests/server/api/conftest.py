"""A service with the model in the box, and the library that it must agree with."""

from __future__ import annotations

import time
import types
from collections.abc import Iterator
from typing import Any

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


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """DeepL's client; it does not wait five seconds between two looks at a document."""
    deepl = pytest.importorskip("deepl", reason="the official client: pip install deepl")
    hasty = types.SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    monkeypatch.setattr(deepl.translator, "time", hasty)
    monkeypatch.setattr(deepl.http_client, "time", hasty)
    client = deepl.DeepLClient("any-key", server_url=address)
    yield client
    client.close()


@pytest.fixture
def glossary_id(client: Any) -> Iterator[str]:
    """A glossary that says "Drahtesel" for a bicycle."""
    made = client.create_glossary("Terms", "EN", "DE", {"bicycle": "Drahtesel"})
    yield made.glossary_id
    client.delete_glossary(made.glossary_id)

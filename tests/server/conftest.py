"""Tiny models between several languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..models import write_tiny_model

TinyModel = Callable[..., Path]


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def tiny_model(made_models: Path) -> TinyModel:
    """Copies a model of a pair to a place, in which it replaces what is there; ``seed`` is its weights'."""

    def put(place: Path, pair: str | None = None, seed: int = 0) -> Path:
        source, target = (pair or place.name).split(">") if ">" in (pair or "") else place.name.split("-")
        made = made_models / f"{source}-to-{target}-{seed}"
        if not made.exists():
            write_tiny_model(made, seed=seed, source_language=source, target_language=target)
        if place.exists():
            shutil.rmtree(place)
        shutil.copytree(made, place)
        return place

    return put

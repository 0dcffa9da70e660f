"""A folder of installed models of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..models import write_tiny_model

Install = Callable[..., Path]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of installed models, which does not exist yet; the current folder is another."""
    place = tmp_path / "installed"
    monkeypatch.setenv("OCTAVO_MODELS", str(place))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return place


@pytest.fixture
def install(folder: Path) -> Install:
    """Puts a tiny model of a pair under a name."""

    def put(name: str, source: str = "en", target: str = "de", **changes: object) -> Path:
        return write_tiny_model(folder / name, source_language=source, target_language=target, **changes)

    return put

"""A pool of three tiny models, and what it opens and closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from octavo.server.model_pool import ModelPool
from octavo.translation import Translator

from ..conftest import TinyModel

TEXT = "Bako tire mun."


class Opened:
    """Counts what is opened and closed; ``before`` is called with the path of each model to be opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.open: set[int] = set()
        self.before: Callable[[Path], None] = lambda path: None
        self._lock = threading.Lock()
        opening, closing = Translator.open, Translator.close

        def opened(path: Path, **options: object) -> Translator:
            self.before(path)
            translator = opening(path, **options)  # type: ignore[arg-type]
            with self._lock:
                self.names.append(path.name)
                self.open.add(id(translator))
            return translator

        def closed(translator: Translator) -> None:
            with self._lock:
                self.open.discard(id(translator))
            closing(translator)

        monkeypatch.setattr(Translator, "open", opened)
        monkeypatch.setattr(Translator, "close", closed)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(monkeypatch)


@pytest.fixture
def models(tmp_path: Path, tiny_model: TinyModel) -> Path:
    """A folder with three models."""
    folder = tmp_path / "models"
    for name in ("de-en", "en-de", "en-fr"):
        tiny_model(folder / name)
    return folder


@pytest.fixture
def pool(models: Path) -> Iterator[ModelPool]:
    opened = ModelPool([models], threads=1)
    yield opened
    opened.close()


def translated(pool: ModelPool, source: str = "en", target: str = "de") -> str:
    with pool.route(source, target) as steps:
        text = TEXT
        for step in steps:
            text = step(text).text
        return text


def loaded(pool: ModelPool) -> list[str]:
    return [model.name for model in pool.models() if model.loaded]

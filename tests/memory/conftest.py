"""A memory in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.memory import MemorySession, TranslationMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[TranslationMemory]:
    with TranslationMemory.open(tmp_path / "m.db") as opened:
        yield opened


def session_of(
    memory: TranslationMemory, model: str = "m", options: str = "o", languages: tuple[str, str] = ("en", "de")
) -> MemorySession:
    """The memory as a model sees it."""
    return memory.session(
        model=model, options=options, source_language=languages[0], target_language=languages[1]
    )

"""Octavo's own model directories with damage in them, of every scheme and kind of sublayer."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engine.fuzz_models import use
from tests.engine.test_exactness import PARTS
from tests.models import language_config, tiny_config, write_tiny_model
from tests.mutations import KINDS, mutate

from octavo.languages import SOURCE, TARGET, Languages
from octavo.model.scheme import Scheme


def model(**options: Any) -> Callable[[Path], Path]:
    """What writes a model: with another scheme, or parts of another configuration."""
    return lambda folder: write_tiny_model(folder, **options)


LANGUAGES = Languages(
    {"eng_Latn": 4, "deu_Latn": 5}, source_prefix=(SOURCE,), forced=(TARGET,),
    default_source="eng_Latn", default_target="deu_Latn",
)  # fmt: skip

MODELS: dict[str, Callable[[Path], Path]] = {
    "Octavo float32": model(languages=LANGUAGES),
    "Octavo int8": model(scheme=Scheme.INT8),
    "Octavo int8-dynamic": model(scheme=Scheme.INT8_DYNAMIC),
    "Octavo integer": model(scheme=Scheme.INTEGER),
    "Octavo SSRU": model(config=tiny_config(**PARTS["ssru"]), scheme=Scheme.INT8),
    "Octavo T5": model(config=tiny_config(**PARTS["t5"]), scheme=Scheme.INT8_DYNAMIC),
    "Octavo language model": model(config=language_config(), target_language="en"),
}


@dataclasses.dataclass
class OwnModel:
    """A whole model in ``folder``: a damaged copy of it is loaded, and used where it opens."""

    name: str
    folder: Path

    def __post_init__(self) -> None:
        self.whole = self.folder / self.name
        if not self.whole.exists():
            MODELS[self.name](self.whole)

    def attempt(self, rng: random.Random, number: int) -> None:
        """Raises what loading raises."""
        copy = self.folder / f"{self.name} damaged"
        shutil.copytree(self.whole, copy)
        try:
            mutate(copy, rng, list(KINDS)[number % len(KINDS)])
            use(copy, rng)
        finally:
            shutil.rmtree(copy)

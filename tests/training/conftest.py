"""A recipe and corpora so small that an epoch takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.training.recipe import Recipe
from octavo.training.recipe_file import read_recipe

from ..models import synthetic_sentences

RECIPE = """
name = "tiny"
source_language = "aa"
target_language = "bb"
seed = 7

[[data.train]]
source = "train.aa"
target = "train.bb"

[[data.dev]]
source = "dev.aa"
target = "dev.bb"

[vocabulary]
size = 80

[sampling]
nbest = 4

[model]
d_model = 16
ffn_dim = 32
encoder_layers = 1
decoder_layers = 1
attention_heads = 2
max_positions = 200

[training]
max_updates = 40
batch_tokens = 400
accumulate = 2
threads = 1
checkpoint_minutes = 0

[training.schedule]
peak = 0.01
warmup = 10

[training.dropout]
residual = 0.2
attention = 0.1
activation = 0.1

[training.average]
count = 3

[validation]
every_updates = 15

[search]
length_ratio = 1
length_margin = 4
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small are many times slower with two."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_recipe(folder: Path) -> Path:
    """The recipe beside its data: 120 pairs of which the target is the source's words reversed."""
    for name, count, seed in (("train", 120, 1), ("dev", 4, 2)):
        source = synthetic_sentences(count, seed)
        write_lines(folder / f"{name}.aa", source)
        write_lines(folder / f"{name}.bb", [" ".join(line.split()[::-1]) for line in source])
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    return write_recipe(tmp_path)


@pytest.fixture
def recipe(recipe_path: Path) -> Recipe:
    return read_recipe(recipe_path)


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model directory of a run of the recipe."""
    from octavo.training.run import train

    folder = tmp_path_factory.mktemp("trained")
    return train(write_recipe(folder), folder / "run")

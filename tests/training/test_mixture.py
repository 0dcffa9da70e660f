"""Corpora drawn by weight, and filters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from octavo.training.corpus import ParallelText
from octavo.training.filters import filter_texts
from octavo.training.mixture import Mixture
from octavo.training.recipe import FilterRecipe, RecipeError
from octavo.training.recipe_file import read_recipe

TEXTS = [
    ParallelText([f"a{i}" for i in range(10)], [f"A{i}" for i in range(10)]),
    ParallelText([f"b{i}" for i in range(100)], [f"B{i}" for i in range(100)]),
]


def test_every_pair_comes_once_before_any_comes_twice() -> None:
    mixture = Mixture(TEXTS, [7, 30])
    for number, (text, count) in enumerate(zip(TEXTS, mixture.counts, strict=True)):
        epochs = -(-len(text.source) // count)
        drawn = [pair for epoch in range(epochs) for pair in mixture.epoch(1, epoch)[number]]
        first = drawn[: len(text.source)]
        assert Counter(first) == Counter(zip(text.source, text.target, strict=True))
        assert first != sorted(first)


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    mixture = Mixture(TEXTS, [7, 30])
    assert mixture.epoch(1, 5) == mixture.epoch(1, 5)
    assert mixture.epoch(1, 5) != mixture.epoch(1, 6)
    assert mixture.epoch(1, 5) != mixture.epoch(2, 5)


def test_more_draws_than_pairs_go_through_them_again() -> None:
    drawn = Mixture(TEXTS, [25, 1]).epoch(1, 3)[0]
    assert set(Counter(drawn).values()) <= {2, 3}


PAIR = ("en", "de")


def test_filters() -> None:
    long = "word " * 30
    text = ParallelText(
        ["same", "same", " ", "x", long, "short", "12 34 56", "A sentence."],
        ["gleich", "gleich", "y", "", "kurz", "kurz genug", "12 34 56", "Ein Satz."],
    )
    kept = filter_texts([text, ParallelText(["same"], ["gleich"])], FilterRecipe(min_letters=0.3), PAIR)
    assert kept[0].source == ["same", "short", "A sentence."]
    assert kept[1].source == []
    everything = filter_texts([text], FilterRecipe(max_length_ratio=100, duplicates=True), PAIR)[0]
    assert len(everything.source) == 6
    shorter = FilterRecipe(max_characters=100, max_length_ratio=100)
    assert long not in filter_texts([text], shorter, PAIR)[0].source


def test_what_is_in_another_language_is_left_out_where_the_recipe_says_so() -> None:
    pytest.importorskip("py3langid", reason="languages are told apart by octavo[detect]")
    english, german = "The children play in the garden.", "Die Kinder spielen heute im Garten."
    text = ParallelText(
        [english, english, german, "Save as %s", "Paris"],
        [german, "Les enfants jouent dans le jardin.", german, "Speichern unter %s", "Paris"],
    )
    kept = filter_texts([text], FilterRecipe(languages=True), PAIR)[0]
    assert kept.source == [english, "Save as %s", "Paris"]
    assert len(filter_texts([text], FilterRecipe(), PAIR)[0].source) == 5


def mix(recipe_path: Path) -> None:
    """Make the tiny recipe's corpus a mixture."""
    text = recipe_path.read_text()
    text = text.replace('target = "train.bb"', 'target = "train.bb"\nweight = 2.5')
    text = text.replace("[[data.train]]", "[data]\nepoch_pairs = 24\n\n[[data.train]]", 1)
    recipe_path.write_text(text + "\n[augmentation]\nupper = 0.2\njoin = 0.3\ncopies = 0.1\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight = 2.5", "", "train.aa needs a weight"),
        ("weight = 2.5", "weight = 2.5\nrepeat = 2", "a mixture has no repeat"),
        ("epoch_pairs = 24", "", "weight and filter are for a mixture"),
        ("[data]\nepoch_pairs = 24", "", "weight and filter are for a mixture"),
    ],
)
def test_a_mixture_is_named_as_a_whole(recipe_path: Path, old: str, new: str, message: str) -> None:
    mix(recipe_path)
    recipe_path.write_text(recipe_path.read_text().replace(old, new))
    with pytest.raises(RecipeError, match=message):
        read_recipe(recipe_path)


def test_augmentation_needs_a_mixture(recipe_path: Path) -> None:
    recipe_path.write_text(recipe_path.read_text() + "\n[augmentation]\nupper = 0.2\n")
    with pytest.raises(RecipeError, match=r"need a mixture: data\.epoch_pairs"):
        read_recipe(recipe_path)


def test_a_filter_that_leaves_nothing_is_named(recipe_path: Path, tmp_path: Path) -> None:
    from octavo.training.run import train

    mix(recipe_path)
    recipe_path.write_text(recipe_path.read_text() + "\n[data.filter]\nmin_letters = 0.99\n")
    with pytest.raises(RecipeError, match=r"data\.filter leaves none"):
        train(recipe_path, tmp_path / "run")

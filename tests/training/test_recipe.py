"""Bad recipes and bad corpora: each is named, with what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from octavo.cli.app import app
from octavo.model.config import ModelConfig, NormPlacement
from octavo.training.corpus import read_corpus
from octavo.training.recipe import LanguageRecipe, Recipe, RecipeError
from octavo.training.recipe_file import read_recipe
from octavo.training.run import train

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_our_recipes_are_valid(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    size = recipe.vocabulary.size
    alone = isinstance(recipe, LanguageRecipe)
    config = ModelConfig(
        **{"encoder_layers": 0} | recipe.model.model_dump(),
        source_vocab_size=size,
        target_vocab_size=size,
        shared_embeddings=not alone,
    )
    assert config.is_language_model == alone == path.stem.startswith("wikitext")
    assert (config.integer_transformer_part is not None) == ("integer" in path.stem)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[training]", "[training]\nbatch_size = 3", "unknown key 'training.batch_size'"),
        ('name = "tiny"', "", "missing key 'name'"),
        ("peak = 0.01", "peak = -1", r"training.schedule.peak: .* greater than 0 \(found -1"),
        ("d_model = 16", 'd_model = "wide"', "model.d_model: "),
        ("d_model = 16", 'd_model = 16\nnorm = "middle"', "model.norm: .*'pre' or 'post'"),
        ("d_model = 16", "d_model = 17", "d_model = 17"),
        ('name = "tiny"', 'name = ""', "name = '': must be 1 to 200 printable"),
        ('name = "tiny"', 'name = "a\\nb"', "name = .*: must be 1 to 200 printable"),
        ('name = "tiny"', 'name = "../tiny"', r"name = '\.\./tiny': names a folder too"),
        ('name = "tiny"', 'name = ".."', r"name = '\.\.': names a folder too"),
        ('e_language = "aa"', 'e_language = "a a"', "source_language = 'a a': must be a language tag"),
        ('t_language = "bb"', 't_language = ""', "target_language = '': must be a language tag"),
        ("length_margin = 4", "length_margin = 70000", r"search\.length_margin = 70000: must be from 0 to"),
        ("max_positions = 200", "max_positions = 100", "data.max_tokens = 200 is more than"),
        ("[training]", "[training", "not valid TOML"),
        ('name = "tiny"', f"name = {'[' * 5000}{']' * 5000}", "brackets within others, too deep to read"),
        ('name = "tiny"', f"[{'a.' * 5000}a]", "tables or brackets within others, too deep to read"),
        ('name = "tiny"', f"a = {'9' * 5000}", "not valid TOML: Exceeds the limit"),
        ('name = "tiny"', 'base = "a\\u0000b"', r"'a\\x00b': text must not hold the character U\+0000"),
        ('"train.aa"', '"a\\u0000b"', r"'a\\x00b': text must not hold the character U\+0000"),
        ("size = 80", "size = 5000", "vocabulary.size = 5000"),
        ("size = 80", "size = 20", "vocabulary.size = 20"),
        ('"train.aa"', '"nowhere.aa"', "nowhere.aa: cannot read the corpus: No such file"),
    ],
)
def test_a_bad_recipe_is_explained(
    recipe_path: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = recipe_path.read_text()
    assert old in text
    recipe_path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=message):
        train(recipe_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("d_model = 16", 'd_model = "16"', r"model\.d_model"),
        ("d_model = 16", "d_model = 16.0", r"model\.d_model"),
        ("seed = 7", "seed = true", "seed"),
        ("size = 80", 'size = 80\nshared = "no"', r"vocabulary\.shared"),
        ("size = 80", "size = 80\nshared = 0", r"vocabulary\.shared"),
        ("peak = 0.01", 'peak = "0.01"', r"training\.schedule\.peak"),
        ("residual = 0.2", "residual = false", r"training\.dropout\.residual"),
        ("accumulate = 2", "accumulate = 2\nadam_betas = [0.9, false]", r"training\.adam_betas\.1"),
        ('"train.aa"', "7", r"data\.train\.0\.source"),
        ('name = "tiny"', "name = 1979-05-27", "name"),
    ],
)
def test_values_are_not_coerced(recipe_path: Path, old: str, new: str, key: str) -> None:
    text = recipe_path.read_text()
    assert old in text
    recipe_path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=f"recipe.toml: {key}: "):
        read_recipe(recipe_path)


def test_whole_numbers_may_stand_for_floats_and_text_for_choices(recipe_path: Path) -> None:
    text = (
        recipe_path.read_text()
        .replace("peak = 0.01", "peak = 1")
        .replace("[model]", '[model]\nnorm = "post"')
    )
    recipe_path.write_text(text.replace("accumulate = 2", "accumulate = 2\nadam_betas = [0, 0.9]"))
    recipe = read_recipe(recipe_path)
    assert recipe.model.norm is NormPlacement.POST
    assert recipe.training.adam_betas == (0.0, 0.9)
    assert isinstance(recipe.training.schedule.peak, float)


def test_a_recipe_that_is_a_pipe_or_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    os.mkfifo(path)
    with pytest.raises(RecipeError, match=r"recipe\.toml: cannot read the recipe: Not a regular file"):
        read_recipe(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RecipeError, match=r"recipe\.toml: longer than 1048576 bytes, no recipe"):
        read_recipe(path)


def test_a_missing_recipe_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "none.toml: no such recipe" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the corpus is empty"),
        (b"\n \n\n", "the corpus is empty"),
        (b"one\n" * 119, "has 120 lines, .*train.bb has 119"),
        (b"good\nb\xe4d\n", "train.bb, line 2: not UTF-8"),
    ],
)
def test_a_bad_corpus_is_explained(recipe: Recipe, data: bytes, message: str) -> None:
    corpus = recipe.data.train[0]
    corpus.target.write_bytes(data)
    with pytest.raises(RecipeError, match=message):
        read_corpus(corpus)


def test_lines_end_at_line_feeds_alone(recipe: Recipe) -> None:
    corpus = recipe.data.dev[0]
    corpus.source.write_bytes("a\u2028b\r\nc\x0bd\n\ne".encode())
    corpus.target.write_bytes(b"1\n2\n3\n4\n")
    assert read_corpus(corpus).source == ["a\u2028b", "c\x0bd", "", "e"]


def test_data_paths_start_from_the_given_folder(recipe_path: Path, tmp_path: Path) -> None:
    assert read_recipe(recipe_path).data.train[0].source == tmp_path / "train.aa"
    assert read_recipe(recipe_path, tmp_path / "x").data.train[0].source == tmp_path / "x" / "train.aa"


def test_an_output_that_cannot_be_made_is_explained(recipe_path: Path) -> None:
    from octavo.errors import OutputError

    with pytest.raises(OutputError, match="cannot write a run there"):
        train(recipe_path, recipe_path / "run")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*-integer.toml")), ids=lambda path: path.stem)
def test_our_integer_transformers_differ_from_their_bases_in_that_alone(path: Path) -> None:
    integer, base = (
        read_recipe(path),
        read_recipe(path.with_name(f"{path.stem.removesuffix('-integer')}.toml")),
    )
    changed = {"attention": integer.model.attention, "norm_function": integer.model.norm_function}
    model = base.model.model_copy(update=changed)
    assert integer == base.model_copy(update={"name": path.stem, "model": model})


def test_a_recipe_builds_on_another(recipe_path: Path, tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    (above / "middle.toml").write_text('base = "../recipe.toml"\nname = "middle"\n[model]\nd_model = 32\n')
    (above / "top.toml").write_text(
        'base = "middle.toml"\nname = "top"\n[training.schedule]\npeak = 0.5\n'
        '[[data.train]]\nsource = "x.aa"\ntarget = "x.bb"\n'
    )
    recipe, base = read_recipe(above / "top.toml"), read_recipe(recipe_path)
    assert (recipe.name, recipe.seed, recipe.model.d_model, recipe.model.ffn_dim) == ("top", 7, 32, 32)
    assert (recipe.training.schedule.peak, recipe.training.schedule.warmup) == (0.5, 10)
    assert [corpus.source for corpus in recipe.data.train] == [above / "x.aa"]
    assert [corpus.source for corpus in recipe.data.dev] == [above / "dev.aa"]
    assert recipe.vocabulary == base.vocabulary


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ('"none.toml"', "none.toml: cannot read the recipe"),
        ("7", "base: expected the path of a recipe .found 7."),
        ('"round.toml"', "round.toml builds on this recipe, which would have no end"),
        ('"./round.toml"', "round.toml builds on this recipe, which would have no end"),
    ],
)
def test_a_bad_base_is_explained(tmp_path: Path, base: str, message: str) -> None:
    (tmp_path / "round.toml").write_text(f"base = {base}\n")
    with pytest.raises(RecipeError, match=message):
        read_recipe(tmp_path / "round.toml")

"""Reading recipes: TOML, one built on another, paths from the right folder, errors that name the key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pydantic

from octavo.artifact.description import check_labels
from octavo.model.errors import SpecError
from octavo.regular_file import read_regular
from octavo.training.recipe import LanguageRecipe, Recipe, RecipeError, TranslationRecipe

_BASE = "base"
_MOST_BYTES = 1 << 20


def read_recipe(path: Path, data_root: Path | None = None) -> Recipe:
    """Read and check a recipe; relative data paths are taken from ``data_root``, else from its folder.

    One with ``language`` is for a language model. ``base`` names a recipe to build on, from this one's
    folder: tables are merged key by key, any other value, arrays too, takes the place of the base's.
    Raises RecipeError for an unreadable file, bad TOML, an unknown key or a value out of range.
    """
    values = _values(path, ())
    try:
        kind = LanguageRecipe if "language" in values else TranslationRecipe
        recipe: Recipe = kind.model_validate(values)
    except pydantic.ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from error
    _check(recipe, path)
    root = (data_root or path.parent).resolve()
    data = recipe.data
    rooted = {"train": [c.rooted(root) for c in data.train], "dev": [c.rooted(root) for c in data.dev]}
    return recipe.model_copy(update={"data": data.model_copy(update=rooted)})


def _values(path: Path, derived: tuple[Path, ...]) -> dict[str, Any]:
    """The recipe's values over those of its base; ``derived`` are the recipes that build on it."""
    if path.resolve() in derived:
        raise RecipeError(f"{derived[-1]}: base: {path.name} builds on this recipe, which would have no end")
    try:
        text = read_regular(path, _MOST_BYTES)
        if len(text) > _MOST_BYTES:
            raise RecipeError(f"{path}: longer than {_MOST_BYTES} bytes, no recipe")
        values = tomllib.loads(text.decode("utf-8"))
        _check_text(path, values)
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except ValueError as error:  # TOML's, UTF-8's, and Python's limit of digits
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise RecipeError(
            f"{path}: not a recipe: tables or brackets within others, too deep to read"
        ) from error
    if _BASE not in values:
        return values
    base = values.pop(_BASE)
    if not isinstance(base, str):
        raise RecipeError(f"{path}: base: expected the path of a recipe (found {base!r})")
    return _merged(_values(path.parent / base, (*derived, path.resolve())), values)


def _check_text(path: Path, value: Any) -> None:
    """No text of a recipe, a path above all, may hold a NUL, which no name of a file can have."""
    if isinstance(value, str) and "\0" in value:
        raise RecipeError(f"{path}: {value!r:.80}: text must not hold the character U+0000")
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        _check_text(path, key)
        _check_text(path, part)


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


def _check(recipe: Recipe, path: Path) -> None:
    """What the model directory and the run's folder will ask for, before hours of training.

    Raises RecipeError.
    """
    if isinstance(recipe, TranslationRecipe) and recipe.data.max_tokens > recipe.model.max_positions:
        raise RecipeError(
            f"{path}: data.max_tokens = {recipe.data.max_tokens} is more than model.max_positions = "
            f"{recipe.model.max_positions}"
        )
    try:
        check_labels(recipe.name, recipe.source_language, recipe.target_language)
    except SpecError as error:
        raise RecipeError(f"{path}: {error}") from error
    if recipe.name in (".", "..") or set("/\\") & set(recipe.name):
        raise RecipeError(f"{path}: name = {recipe.name!r}: names a folder too, so no '/', '\\' or '..'")
    try:
        _ = recipe.search_defaults
    except SpecError as error:
        raise RecipeError(f"{path}: search.{error}") from error


def _explain(error: pydantic.ValidationError) -> str:
    """The first problem as one line: the key, then what is wrong with it."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}; see the recipes that come with Octavo for the keys there are"
    if problem["type"] == "missing":
        return f"missing key {key!r}"
    if problem["type"] == "value_error":  # of several keys together: the message names them
        return f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
    return f"{key}: {problem['msg']} (found {problem['input']!r})"

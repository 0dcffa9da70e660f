"""What must stay the same for a run to go on; the rest of a recipe may change between starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octavo.training.recipe import Recipe, RecipeError

_FREE = {"max_updates", "average", "checkpoint_minutes"}


def run_identity(
    recipe: Recipe, text_digest: str, tokenizers: Mapping[str, str | None], initial_digest: str | None
) -> dict[str, Any]:
    """What decides the weights, as plain JSON values: the recipe's, and all data they come from."""
    training = recipe.training.model_dump(mode="json", exclude=_FREE)
    training["schedule"].pop("cooldown")
    sections = ("vocabulary", "sampling", "model")
    return {
        "seed": recipe.seed,
        "training text": text_digest,
        "--init model": initial_digest,
        "quantization": recipe.quantization.model_dump(mode="json") if recipe.quantization else None,
        **tokenizers,
        "corpora's repeat": [corpus.repeat for corpus in recipe.data.train],
        "data.max_tokens": recipe.data.max_tokens,
        **{f"training.{key}": value for key, value in training.items()},
        **{section: getattr(recipe, section).model_dump(mode="json") for section in sections},
    }


def check_identity(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises RecipeError, naming the first value in which a run differs from its checkpoint."""
    for key in sorted(set(before) | set(now)):
        if before.get(key) != now.get(key):
            raise RecipeError(
                f"this run began with another {key} ({before.get(key)!r}, now {now.get(key)!r}); undo the "
                "change, or name another --output to begin anew"
            )

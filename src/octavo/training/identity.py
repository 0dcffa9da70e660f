"""What must stay the same for a run to go on; the rest of a recipe may change between starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pydantic

from octavo.model.config import DEFAULTS, EXTENSION_KEYS, INTEGER_TRANSFORMER_KEYS
from octavo.training.architecture import DecoderRecipe
from octavo.training.recipe import (
    FilterRecipe,
    Recipe,
    RecipeError,
    ScheduleRecipe,
    TrainingRecipe,
    TranslationRecipe,
    VocabularyRecipe,
)

_FREE = {"max_updates", "average", "checkpoint_minutes"}
_LATER_TRAINING = ("optimizer", "momentum", "distillation", "sampled_outputs")
_LATER_SCHEDULE = ("decay", "period", "floor")
_LATER_VOCABULARY = ("split_digits", "sentences")
_LATER_FILTER = ("languages",)
"""Keys that came later: at their defaults they are left out, as runs begun by older versions have noted."""


def run_identity(
    recipe: Recipe, text_digest: str, tokenizers: Mapping[str, str | None], initial_digest: str | None
) -> dict[str, Any]:
    """What decides the weights, as plain JSON values: the recipe's, and all data they come from."""
    training = recipe.training.model_dump(mode="json", exclude=_FREE)
    schedule = training["schedule"]
    schedule.pop("cooldown")
    _drop_defaults(training, _LATER_TRAINING, TrainingRecipe)
    _drop_defaults(schedule, _LATER_SCHEDULE, ScheduleRecipe)
    translation: dict[str, Any] = {}
    if isinstance(recipe, TranslationRecipe):
        sampling = recipe.sampling.model_dump(mode="json")
        translation = {"data.max_tokens": recipe.data.max_tokens, "sampling": sampling}
        if recipe.data.epoch_pairs:
            kept = recipe.data.filter.model_dump(mode="json")
            _drop_defaults(kept, _LATER_FILTER, FilterRecipe)
            translation |= {
                "data.epoch_pairs": recipe.data.epoch_pairs,
                "corpora's weight": [corpus.weight for corpus in recipe.data.train],
                "data.filter": kept,
                "augmentation": recipe.augmentation.model_dump(mode="json"),
            }
    return {
        "seed": recipe.seed,
        "training text": text_digest,
        "--init model": initial_digest,
        "quantization": recipe.quantization.model_dump(mode="json") if recipe.quantization else None,
        **tokenizers,
        "corpora's repeat": [corpus.repeat for corpus in recipe.data.train],
        **translation,
        **{f"training.{key}": value for key, value in training.items()},
        "vocabulary": vocabulary_identity(recipe.vocabulary),
        "model": _model(recipe.model),
    }


def vocabulary_identity(recipe: VocabularyRecipe) -> dict[str, Any]:
    """What decides a vocabulary, beside its text."""
    values = recipe.model_dump(mode="json")
    _drop_defaults(values, _LATER_VOCABULARY, VocabularyRecipe)
    return values


def _drop_defaults(values: dict[str, Any], keys: Iterable[str], section: type[pydantic.BaseModel]) -> None:
    for key in keys:
        if values[key] == section.model_fields[key].default:
            del values[key]


def _model(recipe: DecoderRecipe) -> dict[str, Any]:
    """The architecture. An ordinary Transformer's is what runs begun by older versions have noted."""
    values = recipe.model_dump(mode="json")
    integer = any(getattr(recipe, key) != DEFAULTS[key] for key in INTEGER_TRANSFORMER_KEYS)
    later = EXTENSION_KEYS if integer else (*EXTENSION_KEYS, *INTEGER_TRANSFORMER_KEYS)
    return {key: value for key, value in values.items() if key not in later or value != DEFAULTS[key]}


def check_identity(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises RecipeError, naming the first value in which a run differs from its checkpoint."""
    for key in sorted(set(before) | set(now)):
        if before.get(key) != now.get(key):
            raise RecipeError(
                f"this run began with another {key} ({before.get(key)!r}, now {now.get(key)!r}); undo the "
                "change, or name another --output to begin anew"
            )

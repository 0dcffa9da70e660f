"""Filters of parallel text: what would teach a translator wrong things is left out."""

from __future__ import annotations

from collections.abc import Sequence

from octavo.text.identification import other_language
from octavo.training.corpus import ParallelText
from octavo.training.recipe import FilterRecipe

_SHORT_CHARACTERS = 20
"""Texts shorter than this may differ more in length: their ratio is taken as if they had so many."""


def filter_texts(
    texts: Sequence[ParallelText], recipe: FilterRecipe, languages: tuple[str, str]
) -> list[ParallelText]:
    """The texts without the pairs that the recipe refuses; a pair seen before goes, whatever its corpus.

    ``languages``: of the sources and the targets. Raises OctavoError where the recipe asks for them and the
    extra "detect" is not installed.
    """
    seen: set[int] = set()
    kept: list[ParallelText] = []
    for text in texts:
        source: list[str] = []
        target: list[str] = []
        for s, t in zip(text.source, text.target, strict=True):
            if _accepted(s, t, recipe, seen) and not (recipe.languages and _foreign(s, t, languages)):
                source.append(s)
                target.append(t)
        kept.append(ParallelText(source, target))
    return kept


def _accepted(source: str, target: str, recipe: FilterRecipe, seen: set[int]) -> bool:
    """Whether a pair stays. ``seen`` has the hashes of those before; chance loses one pair in 10^13."""
    if not source or not target or source.isspace() or target.isspace():
        return False
    longer, shorter = max(len(source), len(target)), min(len(source), len(target))
    if longer > recipe.max_length_ratio * max(shorter, _SHORT_CHARACTERS):
        return False
    if recipe.max_characters and longer > recipe.max_characters:
        return False
    if recipe.min_letters and _letters(target) < recipe.min_letters * len(target):
        return False
    if recipe.duplicates:
        return True
    key = hash((source, target))
    if key in seen:
        return False
    seen.add(key)
    return True


def _foreign(source: str, target: str, languages: tuple[str, str]) -> bool:
    """Whether a side is surely in another language."""
    return any(other_language(*side) is not None for side in zip((source, target), languages, strict=True))


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))

"""Writes source lines of a recipe's corpora, in proportion to their weights: text to calibrate a model on.

    python tools/sample_sources.py recipes/everyday-en-de.toml --data corpora --lines 1200 > calibration.en

From each corpus come lines evenly spread over its file, the same every time, and no line twice.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from octavo.errors import OctavoError
from octavo.training.corpus import read_lines
from octavo.training.recipe import CorpusRecipe, RecipeError
from octavo.training.recipe_file import read_recipe


def spread(lines: list[str], count: int) -> list[str]:
    """``count`` of the lines, or all, evenly spread."""
    count = min(count, len(lines))
    return [lines[index * len(lines) // count] for index in range(count)]


def sample(recipe: Path, data: Path | None, lines: int) -> list[str]:
    """About ``lines`` lines. Raises RecipeError, also where a corpus has no weight."""
    corpora = read_recipe(recipe, data).data.train
    weights = {corpus.source: corpus.weight for corpus in corpora if isinstance(corpus, CorpusRecipe)}
    found: dict[str, None] = {}
    for path, weight in weights.items():
        if weight is None:
            raise RecipeError(f"{recipe}: {path} has no weight; name a recipe whose corpora are a mixture")
        share = weight / sum(one or 0 for one in weights.values())
        found |= dict.fromkeys(spread(read_lines(path), round(share * lines)))
    return list(found)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path, help="recipe whose corpora are a mixture")
    parser.add_argument("--data", type=Path, help="folder that the recipe's paths start from")
    parser.add_argument("--lines", type=int, default=1200, help="about so many lines; default: 1200")
    arguments = parser.parse_args()
    try:
        print(*sample(arguments.recipe, arguments.data, arguments.lines), sep="\n")
    except OctavoError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

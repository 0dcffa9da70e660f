"""English names of languages, for lists that people choose from."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

from octavo.text.language_tags import primary_subtag


def language_name(tag: str) -> str:
    """The name of a language, "German" for "de"; with its region where that is usual, else with the tag in
    brackets. A tag that is not known is its own name."""
    names = _names()
    wanted = tag.replace("_", "-").lower()
    if wanted in names:
        return names[wanted]
    name = names.get(primary_subtag(wanted))
    return tag if name is None else f"{name} ({tag})"


@functools.cache
def _names() -> dict[str, str]:
    names: dict[str, str] = tomllib.loads(
        resources.files("octavo.server").joinpath("language_names.toml").read_text("utf-8")
    )
    return names

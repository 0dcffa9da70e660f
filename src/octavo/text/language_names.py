"""What people call a language: its English name, a tag, or a model's code for it."""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from importlib import resources
from typing import Final

from octavo.text.iso_639 import is_code
from octavo.text.language_tags import LanguageCode, primary_subtag, undecorated

_WORD: Final = re.compile(r"[^\W_]+")
_MOST_LIKE: Final = 3
_LEAST_LIKENESS: Final = 0.8


def language_name(tag: str) -> str:
    """The name of a language, "German" for "de"; with its region where that is usual, else with the tag in
    brackets. A tag that is not known is its own name."""
    names = _names()
    wanted = tag.replace("_", "-").lower()
    if wanted in names:
        return names[wanted]
    name = names.get(primary_subtag(wanted))
    return tag if name is None else f"{name} ({tag})"


def meant_tag(language: str) -> str:
    """The tag of what a person calls a language: "de" for "German", ``__de__``, ``>>deu<<`` or ``<2de>``,
    "pt-br" for "Brazilian Portuguese". Letters may be capital or small; what is not known stays as it is."""
    bare = undecorated(language)
    if bare != language:
        return LanguageCode.of(bare).tags[2]
    if is_code(primary_subtag(language)):
        return language
    return _tags().get(_words(language), language)


def tags_of_like_names(language: str) -> list[str]:
    """The tags of languages whose names are written almost as ``language`` is, the likest first."""
    written = {name.lower(): tag for tag, name in _names().items()}
    like = difflib.get_close_matches(language.lower(), written, n=_MOST_LIKE, cutoff=_LEAST_LIKENESS)
    return [written[name] for name in like]


def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(name.lower()))


@functools.cache
def _tags() -> dict[frozenset[str], str]:
    return {_words(name): tag for tag, name in _names().items()}


@functools.cache
def _names() -> dict[str, str]:
    names: dict[str, str] = tomllib.loads(
        resources.files("octavo.text").joinpath("language_names.toml").read_text("utf-8")
    )
    return names

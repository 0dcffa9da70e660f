"""What a sentence splitter knows of a language: words that a full stop shortens, and words that begin many
sentences."""

from __future__ import annotations

import dataclasses
import functools
import re
import tomllib
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_suffix(".toml")

_WITH_ORDINALS: Final = frozenset(
    re.findall(r"\w+", "bs cs da de et eu fi fo hr hu is lb lv nb nn pl sk sl sr tr")
)

# fmt: off
_TWO_LETTERS: Final = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt",
    "nld": "nl", "dut": "nl", "rus": "ru", "ukr": "uk", "pol": "pl", "ces": "cs", "cze": "cs", "slk": "sk",
    "swe": "sv", "dan": "da", "nob": "nb", "no": "nb", "nor": "nb", "fin": "fi", "hun": "hu", "hrv": "hr",
    "srp": "sr", "slv": "sl", "est": "et", "lav": "lv", "isl": "is", "tur": "tr",
}
# fmt: on


@dataclasses.dataclass(frozen=True, slots=True)
class LanguageRules:
    """How a language uses the full stop. Words are without their last full stop.

    After a word of ``seldom`` a sentence ends only before a word of ``starters``, which are words that begin
    many sentences and no name. After another word of ``never`` none ends. After one of ``numbered`` no
    sentence ends before a digit. With ``ordinals`` the language writes "3." for "third".
    """

    never: frozenset[str]
    seldom: frozenset[str]
    numbered: frozenset[str]
    starters: frozenset[str]
    ordinals: bool


@functools.lru_cache(maxsize=64)
def language_rules(language: str) -> LanguageRules:
    """The rules of a language tag, such as "de", "de-AT" or "deu_Latn"; general ones for a language that the
    list does not have."""
    tag = re.split(r"[-_]", language, maxsplit=1)[0].lower()
    tag = _TWO_LETTERS.get(tag, tag)
    lists = _lists()

    def words(name: str) -> frozenset[str]:
        found = {word for part in ("general", tag) for word in lists.get(part, {}).get(name, "").split()}
        return frozenset(found | {word[0].upper() + word[1:] for word in found})

    return LanguageRules(
        words("never"), words("seldom"), words("numbered"), words("starters"), tag in _WITH_ORDINALS
    )


@functools.cache
def _lists() -> dict[str, dict[str, str]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))

"""Which language a text is in, as far as its letters show it; a warning only where that is sure.

py3langid answers (Lui and Baldwin, langid.py, 2012: naive Bayes over byte n-grams). It is an extra, because
it takes a second and 100 MB to load.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Collection
from typing import Final

from octavo.errors import OctavoError
from octavo.text.language_tags import primary_subtag

_COMMON: Final = """
    ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sr
    sv sw ta te th tl tr uk ur vi zh
"""
CANDIDATES: Final = frozenset(_COMMON.split())
"""Languages that much text is written in. With all that py3langid knows, ordinary sentences are now and then
taken for a small language that is like theirs."""

LEAST_LETTERS: Final = 16
"""Fewer are not judged: they are often names."""

SURE: Final = 0.8
"""The least confidence of a warning. 6 of 69,008 English sentences (Multi30k, news, Tatoeba) have one, and
most of these hold another language; 98 to 100 % of German and French ones have one, of five words or more."""

_LEAST_LETTERS_SHARE: Final = 0.75
"""Of what is not white space; code and tables have fewer."""

_MOST_CHARACTERS: Final = 1000
"""That are looked at: they show it, and time grows with them."""

_ADDRESS: Final = re.compile(r"://|@|^www\.")
_OTHER_NAMES: Final = {"nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh"}


@dataclasses.dataclass(frozen=True, slots=True)
class Identified:
    """The likeliest language, as a two-letter code, and its probability among those it was chosen from."""

    language: str
    confidence: float


def identified(text: str, candidates: Collection[str] = CANDIDATES) -> list[Identified]:
    """The languages that ``text`` may be in, of ``candidates`` (codes as ``code_of`` gives them), the
    likeliest first. Candidates that py3langid does not know are left out.

    Only the first 1,000 characters count. Raises OctavoError where the extra "detect" is not installed.
    """
    ranked = _ranked()(text[:_MOST_CHARACTERS])
    scores = {language: float(score) for language, score in ranked if language in candidates}
    total = sum(scores.values())
    found = [Identified(each, score / total if total else 1 / len(scores)) for each, score in scores.items()]
    return sorted(found, key=lambda one: (-one.confidence, one.language))


def identify(text: str, candidates: Collection[str] = CANDIDATES) -> Identified:
    """The likeliest language of ``text``, one of ``candidates``; see ``identified``."""
    return identified(text, candidates)[0]


def is_identified(language: str) -> bool:
    """Whether ``language``, a code or a tag such as "de-AT", is one of those that can be told apart."""
    return code_of(language) in _known()


def other_language(text: str, expected: str) -> Identified | None:
    """The language of ``text``, where it is surely another than ``expected``; None otherwise.

    Addresses of pages and of mail do not count. Short texts, those that are not mostly letters, such as
    numbers and code, and those whose words all begin with a capital, such as names, are never sure. Nor is
    anything where ``is_identified`` does not hold for ``expected``.
    """
    text = " ".join(word for word in text[:_MOST_CHARACTERS].split() if not _ADDRESS.search(word))
    code = code_of(expected)
    if not _is_prose(text) or not is_identified(code):
        return None
    found = identify(text, CANDIDATES | {code})
    return found if found.language != code and found.confidence >= SURE else None


def _is_prose(text: str) -> bool:
    """Whether there are enough letters, and words that are no names."""
    words = text.split()
    letters = sum(unicodedata.category(character)[0] in "LM" for word in words for character in word)
    if letters < max(LEAST_LETTERS, _LEAST_LETTERS_SHARE * sum(map(len, words))):
        return False
    return any(word[0].islower() for word in words) or not any(map(str.isupper, text))


def code_of(language: str) -> str:
    """The primary subtag of a language's tag, under the name that py3langid has for it."""
    primary = primary_subtag(language)
    return _OTHER_NAMES.get(primary, primary)


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(language for language, _ in _ranked()(""))


def _ranked() -> Callable[[str], list[tuple[str, float]]]:
    """Probabilities of all languages for a text. Threads that need the model at once load it once."""
    with _loading:
        return _loaded()


@functools.cache
def _loaded() -> Callable[[str], list[tuple[str, float]]]:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise OctavoError(
            'py3langid identifies languages, and is not installed; pip install "octavo[detect]"'
        ) from None
    ranked: Callable[[str], list[tuple[str, float]]] = LanguageIdentifier.from_model_file(
        MODEL_FILE, norm_probs=True
    ).rank
    return ranked


_loading = threading.Lock()


def _after_fork_in_child() -> None:
    """The thread that was loading is not in the child process."""
    global _loading
    _loading = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

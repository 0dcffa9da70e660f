"""Tags of languages, such as "de" or "de-AT" (BCP 47), and the codes that models have for languages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

from octavo.text.iso_639 import iso_639_1, language_at_large, three_letters, two_letters

STATED_CODE: Final = re.compile(r"\s*(>>[^<>\s]+<<|<2[A-Za-z][A-Za-z_-]*>)")
"""The code of a language in front of a text: OPUS's ``>>fra<<``, or MADLAD's ``<2fr>``."""

CODE_BEHIND_WORD_START: Final = re.compile(r"<2[^<>]*>")
"""One whose token stands behind that of a word's start."""


def is_language_tag(text: str) -> bool:
    """Whether ``text`` has the form of a tag, so that a document may state it."""
    return _TAG.fullmatch(text) is not None


def primary_subtag(tag: str) -> str:
    """The language of a tag, without its country or script: "de" of "de-AT" and "deu", in lower case."""
    return _subtags(tag, iso_639_1)[0]


def undecorated(code: str) -> str:
    """A model's code without what marks it as one: "de" of ``__de__``, ``>>de<<``, ``<2de>`` and ``[de]``.
    Another stays as it is."""
    return _DECORATION.sub("", code) or code


def shortest_tag(tag: str) -> str:
    """The tag with two letters for its language, as models of three are asked for: "en" for "eng", "ar" for
    "arb", "zh_CN" for "zho_CN". Another stays as it is."""
    language, rest = _LANGUAGE.fullmatch(tag.strip()).groups()  # type: ignore[union-attr]  # fits all text
    return two_letters(language.lower()) + rest if len(language) == _THREE else tag


def distance(wanted: str, offered: str) -> int | None:
    """How far a model's tag is from the one that is asked for: 0 where they are the same, None where the
    model does not serve it.

    A model of "en" serves "en-US", and one of "en-GB" serves "en" less well; neither "pt-PT" nor "zh-Hans" is
    served by "pt-BR" or "zh-Hant". "en" and "eng" are the same.
    """
    one, other = _subtags(wanted, iso_639_1), _subtags(offered, iso_639_1)
    shared = min(len(one), len(other))
    if one[:shared] != other[:shared]:
        return None
    return len(one) - len(other) if len(one) >= len(other) else _LESS_WELL + len(other) - len(one)


@dataclasses.dataclass(frozen=True, slots=True)
class LanguageCode:
    """A tag, or a model's code for a language, in its parts, in lower case. ``language`` is a code of
    ISO 639-3 where there is one; a ``script``, ``region`` or ``variant`` that is not stated is ""."""

    language: str
    script: str = ""
    region: str = ""
    variant: str = ""

    @classmethod
    def of(cls, code: str) -> LanguageCode:
        """What "de-AT", ``deu_Latn`` (NLLB), ``de_DE`` and ``en_XX`` (mBART), ``__de__`` (M2M-100),
        ``>>deu<<`` (OPUS) and ``<2de>`` (MADLAD) mean. A region of China says the script."""
        first, *others = _subtags(undecorated(code))
        parts = {"script": "", "region": "", "variant": ""}
        for part in others:
            kind = "script" if _SCRIPT.fullmatch(part) else "region" if _REGION.fullmatch(part) else "variant"
            if part != _NO_REGION:
                parts[kind] = f"{parts[kind]}-{part}" if parts[kind] else part
        language = three_letters(first)
        if language_at_large(language) == _CHINESE:
            parts["script"] = parts["script"] or _CHINESE_SCRIPTS.get(parts["region"], "")
        return cls(language, **parts)

    def misfit(self, asked: LanguageCode) -> tuple[int, int, int] | None:
        """How badly this code serves the one that is ``asked`` for, as what sorts; None: not at all.

        What only one of them states is no obstacle: "de" is served by ``deu_Latn``, "de-AT" by ``de``. "zh"
        is served by ``cmn_Hans``, less well than by ``zho_Hans``.
        """
        if self.language_at_large != asked.language_at_large:
            return None
        usual = _USUAL_SCRIPTS.get(self.language_at_large, "")
        unasked = unserved = 0
        for mine, theirs, expected in (
            (self.script, asked.script, usual),
            (self.region, asked.region, ""),
            (self.variant, asked.variant, ""),
        ):
            if mine and theirs and mine != theirs:
                return None
            unasked += bool(mine and not theirs and mine != expected)
            unserved += bool(theirs and not mine)
        return int(self.language != asked.language), unasked, unserved

    @property
    def language_at_large(self) -> str:
        """The language whose standard form this is: "ara" for "arb", "zho" for "cmn"; or else itself."""
        return language_at_large(self.language)

    @property
    def tags(self) -> tuple[str, str, str]:
        """Tags of BCP 47 for it: of the language alone, with its script, and with all that it states."""
        language = two_letters(self.language)
        script = f"-{self.script.title()}" if self.script else ""
        rest = "".join(f"-{part}" for part in (self.region.upper(), self.variant) if part)
        return language, f"{language}{script}", f"{language}{script}{rest}"


_TAG: Final = re.compile(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_LANGUAGE: Final = re.compile(r"([^-_]*)(.*)", re.DOTALL)
_THREE: Final = 3
_LESS_WELL: Final = 100  # more than a tag has subtags
_DECORATION: Final = re.compile(r"^\s*(__|>>|<2|<|\[)|(__|<<|>|\])\s*$")
_SCRIPT: Final = re.compile(r"[a-z]{4}")
_REGION: Final = re.compile(r"[a-z]{2}|[0-9]{3}")
_NO_REGION: Final = "xx"  # mBART's
_USUAL_SCRIPTS: Final = {"ara": "arab"}
_CHINESE: Final = "zho"
_CHINESE_SCRIPTS: Final = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}


def _subtags(tag: str, language: Callable[[str], str] = str) -> list[str]:
    """The parts of a tag in lower case, the first as ``language`` has it."""
    first, *others = [part.strip() for part in tag.replace("_", "-").lower().split("-")]
    return [language(first), *others]

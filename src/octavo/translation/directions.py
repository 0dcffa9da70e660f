"""From which language to which each text is translated."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools

from octavo.artifact import ModelDirectory
from octavo.languages import (
    AUTO,
    UNDETERMINED,
    Direction,
    LanguageError,
    Languages,
    UnstatedLanguageError,
)
from octavo.text.identification import code_of, identified
from octavo.text.language_tags import LanguageCode
from octavo.text.tokenizer import Tokenizer


class Directions:
    """The directions of a model; ``source`` and ``target`` hold where a call states none. With a shortlist a
    model of several languages has one direction, its default.

    Raises LanguageError for a language that the model does not have, and, when it is needed, for one that has
    to be stated and is not.
    """

    def __init__(
        self,
        model: ModelDirectory,
        tokenizer: Tokenizer,
        source: str | None,
        target: str | None,
        *,
        with_shortlist: bool = False,
    ) -> None:
        self._languages = model.languages
        self._tokenizer = tokenizer
        self._defaults = source, target
        self._found = functools.lru_cache(maxsize=1024)(model.direction)
        self._only = model.direction() if with_shortlist and model.languages else None
        with contextlib.suppress(UnstatedLanguageError):
            self._direction(None if source == AUTO else source, target)

    def between(self, source: str, target: str) -> Directions:
        """The same with these where a call states none."""
        chosen = copy.copy(self)
        chosen._defaults = source, target
        return chosen

    def stated(self, source: str | None, target: str | None) -> Direction:
        """That of a call with these options, whatever its texts say."""
        source, target = source or self._defaults[0], target or self._defaults[1]
        if source != AUTO:
            return self._direction(source, target)
        if self._languages is not None and self._languages.needs_source:
            raise LanguageError('source = "auto" is for texts; state the language of a document')
        return self._direction(None, target)

    def of(self, text: str, source: str | None, target: str | None) -> Direction:
        """That of one text in a call with these options. A code that it begins with goes before them; blank
        text needs no language."""
        if not text.strip():
            return self._of_blank(source or self._defaults[0], target or self._defaults[1])
        languages = self._languages
        if languages is None:
            direction = self.stated(source, target)
            code = self._tokenizer.split_language_code(text)[0]
            return dataclasses.replace(direction, target=LanguageCode.of(code).tags[2]) if code else direction
        target = languages.stated(text) or target or self._defaults[1]
        source = source or self._defaults[0]
        if source == AUTO:
            source = _identified(text, languages) if languages.needs_source else None
        return self._direction(source, target)

    def _of_blank(self, source: str | None, target: str | None) -> Direction:
        try:
            return self._direction(None if source == AUTO else source, target)
        except UnstatedLanguageError:
            return Direction(UNDETERMINED, UNDETERMINED)

    def _direction(self, source: str | None, target: str | None) -> Direction:
        found = self._found(source, target)
        if self._only not in (None, found):
            raise LanguageError(
                f"{found.source} to {found.target}: the model's shortlist is for {self._only.source} to "
                f"{self._only.target}; load it without (shortlist=False, --no-shortlist)"
            )
        return found


def _identified(text: str, languages: Languages) -> str:
    """The code of the language that a text is in. Raises OctavoError where the extra "detect" is missing, and
    LanguageError where it knows none of the model's languages."""
    codes = {code_of(languages.tag(code)): code for code in reversed(list(languages.codes))}
    found = identified(text, codes.keys())
    if not found:
        raise LanguageError("source = 'auto': no language of this model can be told from others; state it")
    return codes[found[0].language]

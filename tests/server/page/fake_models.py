"""Models that translate as a test can foresee, in place of a ModelPool.

Into German a sentence becomes capitals, into English small letters, into Arabic the same Arabic sentence.
"""

from __future__ import annotations

import dataclasses
import re
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from octavo.documents import Passage
from octavo.engine import Call, QueueFullError
from octavo.server.language_routes import LanguageRoutes
from octavo.terms import Glossary
from octavo.text.parts import plain
from octavo.translation import Alternative, TranslatedPassage, Translation, TranslationWarning
from octavo.translation.result import TranslatedSegment

ARABIC = "هذه جملة باللغة العربية."
_SENTENCE = re.compile(r"[^\s.!?][^.!?\n]*[.!?]?")


class FakeTranslator:
    """A text with "wait" in it waits until ``gate`` is set; one with "busy" is refused, the first time."""

    model = types.SimpleNamespace(languages=None, alignment=None)

    def __init__(self, target: str) -> None:
        self.target = target
        self.gate = threading.Event()
        self.waiting = threading.Event()
        self.given_up = threading.Event()
        self.refused = False

    def passages(self, passages: Sequence[Passage], *, call: Call, **options: Any) -> Iterator[Any]:
        for passage in passages:
            text = plain(passage.parts)
            self._hold(text, call)
            translation = self._translation(text, options.get("glossary"), options.get("nbest") or 1)
            parts = tuple(
                self._translation(part, options.get("glossary"), 1).text if isinstance(part, str) else part
                for part in passage.parts
            )
            yield TranslatedPassage(parts, translation)

    def _hold(self, text: str, call: Call) -> None:
        if "busy" in text and not self.refused:
            self.refused = True
            raise QueueFullError("full")
        if "wait" not in text:
            return
        self.waiting.set()
        while not self.gate.wait(0.01):
            if call.cancelled:
                self.given_up.set()
            call.check()

    def _translation(self, text: str, glossary: Glossary | None, nbest: int) -> Translation:
        best: list[str] = []
        segments = []
        at = length = 0
        for found in _SENTENCE.finditer(text):
            sentence = self._sentence(found[0], glossary)
            best += [text[at : found.start()], sentence]
            length += found.start() - at
            segments.append(TranslatedSegment(found.start(), found.end(), length, length + len(sentence)))
            length += len(sentence)
            at = found.end()
        written = "".join([*best, text[at:]])
        texts = [written, *(f"{written} ({rank})" for rank in range(2, nbest + 1))]
        alternatives = tuple(Alternative(each, -float(rank), (), True) for rank, each in enumerate(texts))
        warnings = (TranslationWarning.UNKNOWN_CHARACTERS,) if "☃" in text else ()
        return Translation(text, alternatives, tuple(segments), False, 1, warnings)

    def _sentence(self, sentence: str, glossary: Glossary | None) -> str:
        if self.target == "ar":
            return ARABIC
        changed = str.upper if self.target == "de" else str.lower
        at, parts = 0, []
        for match in glossary.matches(sentence) if glossary else ():
            parts += [changed(sentence[at : match.start]), match.targets[0]]
            at = match.end
        return "".join([*parts, changed(sentence[at:])])


@dataclasses.dataclass(frozen=True)
class Between:
    """A model between languages, each side one tag or several with commas between."""

    source: str
    target: str
    given: str = ""

    @property
    def name(self) -> str:
        return self.given or f"{self.source}>{self.target}"

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.source.split(","))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.target.split(","))


@dataclasses.dataclass
class FakeModels:
    """English to and from German, and to Arabic; German to Arabic by way of English."""

    translators: dict[str, FakeTranslator] = dataclasses.field(
        default_factory=lambda: {target: FakeTranslator(target) for target in ("ar", "de", "en")}
    )

    languages: LanguageRoutes[Between] = dataclasses.field(
        default_factory=lambda: LanguageRoutes(
            [Between("en", "de"), Between("de", "en"), Between("en", "ar")],
        )
    )

    def check(self, source: str, target: str) -> tuple[str, str]:
        return source, target

    @contextmanager
    def loaded_route(self, source: str, target: str) -> Iterator[None]:
        """Every text is translated in a thread, where a test can hold it."""
        yield None

    @contextmanager
    def route(self, source: str, target: str) -> Iterator[tuple[FakeTranslator, ...]]:
        yield tuple(self.translators[step.target] for step in self.languages.find(source, target))

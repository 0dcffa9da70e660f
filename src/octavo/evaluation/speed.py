"""The time that a translator takes for a test set."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from octavo.translation import SearchChanges, Translation, Translator


@dataclasses.dataclass(frozen=True, slots=True)
class TimedTranslations:
    """Translations in the order of their sources, and the seconds they took, loading left out."""

    translations: list[Translation]
    seconds: float

    @property
    def target_tokens(self) -> int:
        """Tokens produced for the best translation of each source, with EOS."""
        return sum(translation.target_tokens for translation in self.translations)

    @property
    def tokens_per_second(self) -> float:
        """Target tokens with EOS per second."""
        return self.target_tokens / self.seconds if self.seconds else 0.0

    @property
    def incomplete(self) -> int:
        """The number of translations that were cut at the length limit."""
        return sum(not translation.complete for translation in self.translations)


def translate_timed(
    translator: Translator,
    sources: Sequence[str],
    *,
    advance: Callable[[int], None] = lambda _done: None,
    **changes: Unpack[SearchChanges],
) -> TimedTranslations:
    """Translate ``sources``. ``advance`` is called after each with the number of those done."""
    translations: list[Translation] = []
    start = time.perf_counter()
    for translation in translator.stream(sources, **changes):
        translations.append(translation)
        advance(len(translations))
    return TimedTranslations(translations, time.perf_counter() - start)

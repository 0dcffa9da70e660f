"""Text in, text out: the Translator, its options and what it returns."""

from octavo.artifact.boxed import boxed_model
from octavo.engine.precision import Precision
from octavo.translation.document import TranslatedDocument
from octavo.translation.engine_steps import SearchEngine
from octavo.translation.mark_placement import Link
from octavo.translation.options import (
    OptionError,
    SearchChanges,
    TranslationOptions,
    retries,
    search_options,
)
from octavo.translation.result import Alternative, TranslatedPassage, TranslatedSegment, Translation
from octavo.translation.translator import Translator
from octavo.translation.warning import TranslationWarning

__all__ = [
    "Alternative",
    "Link",
    "OptionError",
    "Precision",
    "SearchChanges",
    "SearchEngine",
    "TranslatedDocument",
    "TranslatedPassage",
    "TranslatedSegment",
    "Translation",
    "TranslationOptions",
    "TranslationWarning",
    "Translator",
    "boxed_model",
    "retries",
    "search_options",
]

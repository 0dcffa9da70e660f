"""Text in, text out: the Translator, its options and what it returns."""

from octavo.engine.engine import Precision
from octavo.translation.options import OptionError, SearchChanges, search_options
from octavo.translation.result import Alternative, Translation
from octavo.translation.translator import SearchEngine, Translator, boxed_model
from octavo.translation.warning import TranslationWarning

__all__ = [
    "Alternative",
    "OptionError",
    "Precision",
    "SearchChanges",
    "SearchEngine",
    "Translation",
    "TranslationWarning",
    "Translator",
    "boxed_model",
    "search_options",
]

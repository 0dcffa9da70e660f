"""Text in, its continuation out: what a language model adds, greedily or drawn at random."""

from octavo.generation.language_model import Continuation, LanguageModel
from octavo.generation.options import GenerationChanges, GenerationError, GenerationOptions

__all__ = ["Continuation", "GenerationChanges", "GenerationError", "GenerationOptions", "LanguageModel"]

"""The executable specification: the Transformer and its search, and the language model, in plain PyTorch."""

from octavo.model.search import SearchOptions
from octavo.reference.dropout import Dropout
from octavo.reference.language_model import LanguageModel
from octavo.reference.model import Transformer
from octavo.reference.scoring import score_last
from octavo.reference.search import Hypothesis, search
from octavo.reference.weights import from_arrays, language_model_from_arrays, to_arrays

__all__ = [
    "Dropout",
    "Hypothesis",
    "LanguageModel",
    "SearchOptions",
    "Transformer",
    "from_arrays",
    "language_model_from_arrays",
    "score_last",
    "search",
    "to_arrays",
]

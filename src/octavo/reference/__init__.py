"""The executable specification: the Transformer and its search in plain PyTorch."""

from octavo.reference.dropout import Dropout
from octavo.reference.model import Transformer
from octavo.reference.search import Hypothesis, SearchOptions, search
from octavo.reference.weights import from_arrays, to_arrays

__all__ = ["Dropout", "Hypothesis", "SearchOptions", "Transformer", "from_arrays", "search", "to_arrays"]

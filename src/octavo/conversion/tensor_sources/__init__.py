"""Where the weights of other programs' models are read from: one file for each kind of file."""

from octavo.conversion.tensor_sources.directory import open_weights
from octavo.conversion.tensor_sources.source import Array, TensorSource, stored_as

__all__ = ["Array", "TensorSource", "open_weights", "stored_as"]

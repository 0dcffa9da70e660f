"""Where the weights of other programs' models are read from: one file for each kind of file."""

from octavo.conversion.tensor_sources.directory import open_weights

__all__ = ["open_weights"]

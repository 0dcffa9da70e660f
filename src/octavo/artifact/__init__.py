"""The model directory: reading, checking and writing it (docs/model-format.md)."""

from octavo.artifact.model_directory import ModelDirectory
from octavo.artifact.shortlist import Shortlist
from octavo.artifact.writing import write_model, write_with_shortlist

__all__ = ["ModelDirectory", "Shortlist", "write_model", "write_with_shortlist"]

"""The model directory: reading, checking and writing it (docs/model-format.md). Depends on spec and text."""

from octavo.artifact.model_directory import ModelDirectory
from octavo.artifact.writing import write_model

__all__ = ["ModelDirectory", "write_model"]

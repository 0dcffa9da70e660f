"""Octavo inside other tools: batches of rows in, the same with a column of translations out."""

from octavo.integrations.model_source import ModelSource, pack_model
from octavo.integrations.predictor import Predictor

__all__ = ["ModelSource", "Predictor", "pack_model"]

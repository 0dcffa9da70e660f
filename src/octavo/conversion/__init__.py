"""Models of other programs in and out."""

from octavo.conversion.convert import ConvertedModel, convert
from octavo.conversion.errors import ConversionError
from octavo.conversion.to_ctranslate2 import export_ctranslate2
from octavo.conversion.to_huggingface import export
from octavo.conversion.to_marian import export_marian

__all__ = ["ConversionError", "ConvertedModel", "convert", "export", "export_ctranslate2", "export_marian"]

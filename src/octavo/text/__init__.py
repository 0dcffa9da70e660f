"""Text: tokenizer and segmentation. Depends on errors."""

from octavo.text.segmentation import segment
from octavo.text.tokenizer import Tokenizer

__all__ = ["Tokenizer", "segment"]

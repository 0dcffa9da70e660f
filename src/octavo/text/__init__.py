"""Text: tokenizer and segmentation. Depends on errors."""

from octavo.text.segmentation import segment, split_sentences
from octavo.text.tokenizer import Tokenizer

__all__ = ["Tokenizer", "segment", "split_sentences"]

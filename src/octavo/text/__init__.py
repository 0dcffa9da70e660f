"""Text: tokenizer and segmentation."""

from octavo.text.segmentation import segment, split_sentences
from octavo.text.tokenizer import Tokenizer

__all__ = ["Tokenizer", "segment", "split_sentences"]

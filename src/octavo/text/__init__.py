"""Text: tokenizer, segmentation, and lines of text files. Depends on errors."""

from octavo.text.tokenizer import Tokenizer

__all__ = ["Tokenizer"]

"""Text: tokenizer, segments, sentences, and what is not translated."""

from octavo.text.segmenter import Segment, SegmentedText, Segmenter
from octavo.text.sentences import split_sentences
from octavo.text.tokenizer import Tokenizer

__all__ = ["Segment", "SegmentedText", "Segmenter", "Tokenizer", "split_sentences"]

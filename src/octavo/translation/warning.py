"""What is likely to be wrong with a translation."""

from __future__ import annotations

import enum


class TranslationWarning(enum.StrEnum):
    """A reason to look at a translation. Each member is a string: the sentence that a person reads.

    These are all that there are. ``EMPTY``: the translation of a sentence has no text in it, so the sentence
    stays as it is. ``REPETITION``: the translation of a sentence repeats itself, and the sentence does not so
    often. ``LENGTH``: it is much longer, or much shorter, than a translation of the sentence can be.
    ``SEARCHED_AGAIN``: the usual search found one of these, and a safer one found this translation.
    ``UNKNOWN_CHARACTERS``: the vocabulary has no tokens for some characters of the source, so the model has
    not seen them. ``UNREADABLE``: that holds for most letters of a sentence, which stays as it is.
    ``OTHER_LANGUAGE``: the text is surely in another language than the model translates from, where that was
    asked for. ``TERM``: a term of the glossary is in the text, and none of its translations in that of the
    sentence. ``PIECES``: the model did not keep a placeholder, an address or code, so what stands around it
    was translated in pieces.
    """

    EMPTY = "The model has no translation for a sentence, which was left as it is."
    REPETITION = "The translation repeats some words again and again, and the source does not."
    LENGTH = "The translation, or a sentence of it, is far longer or shorter than its source."
    SEARCHED_AGAIN = "A sentence was translated again, because its first translation had such a fault."
    UNKNOWN_CHARACTERS = "The source has characters that the model's vocabulary cannot read."
    OTHER_LANGUAGE = "The text seems to be in another language than the one that the model translates from."
    UNREADABLE = "Text in letters that the model's vocabulary does not have was left as it is."
    TERM = "The translation lacks a term of the glossary, or the model's vocabulary cannot say it."
    PIECES = "The text around a placeholder, an address or code was translated in pieces, so that it stays."

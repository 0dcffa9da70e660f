"""Errors meant for the person who runs Octavo: what was wrong, where, and what to do.

The command line prints one as a single line and exits with code 2.
"""

from __future__ import annotations

from pathlib import Path


class OctavoError(Exception):
    """Base of every error that a user can cause and mend."""


class ModelError(OctavoError):
    """A model directory that is missing, incomplete, altered or not of this format."""


class ForeignModelError(ModelError):
    """What is there at ``path`` is no model directory of Octavo; it may be a model of another program."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(f"{message}; `octavo convert {path} -o NAME` makes one of another program's model")
        self.path = path


class InputError(OctavoError):
    """Input that cannot be read, or is not UTF-8 text."""


class ArgumentError(OctavoError):
    """An argument outside its range. The message names it as ``name = value``."""


class OutputError(OctavoError):
    """A result that cannot be written where it was asked for."""


class QuantizationError(OctavoError):
    """A model or a number that cannot be quantized, or integers that would overflow."""


def counted(number: int, noun: str) -> str:
    """A number and what it counts: "1 token", "1,000 tokens"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """``text``, the name of a file say, with escapes for what a terminal would obey or could not show."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

"""Texts as a caller hands them over: every one a str, or an error that says which is none and what to do."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_BYTES: Final = (bytes, bytearray, memoryview)


def checked_texts(texts: Iterable[str], *, what: str = "text") -> Iterator[str]:
    """Each of ``texts``, checked as it is taken; ``what`` names one in messages.

    Raises TypeError for a container that could mean several things at once, and then for each entry that is
    no str, with its index from 0, its type and the remedy.
    """
    _check_container(texts, what)
    return _each(texts, what)


def _each(texts: Iterable[str], what: str) -> Iterator[str]:
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{what} {index} is {_described(text)}: must be a str; {_remedy(text)}")
        yield text


def _check_container(texts: object, what: str) -> None:
    if isinstance(texts, str):
        raise TypeError(f"the {what}s are one str, which would be taken letter by letter; put it in a list")
    if isinstance(texts, Mapping):
        raise TypeError(
            f"the {what}s are {_described(texts)}: its keys or its values could be meant; "
            "pass list(d.keys()) or list(d.values())"
        )
    dimensions = getattr(texts, "ndim", 1)  # of numpy and pandas
    if isinstance(dimensions, int) and dimensions != 1:
        raise TypeError(
            f"the {what}s are a {type(texts).__name__} of {dimensions} dimensions: must be a list or another "
            "iterable of str; pass one column"
        )
    if isinstance(texts, _BYTES) or not isinstance(texts, Iterable):
        raise TypeError(
            f"the {what} is {_described(texts)}: must be a str, or a list or another iterable of str; "
            f"{_remedy(texts)}"
        )


def _described(value: object) -> str:
    return "None" if value is None else f"{reprlib.repr(value)} ({type(value).__name__})"


def _remedy(value: object) -> str:
    missing = isinstance(value, float) and math.isnan(value)
    if value is None or missing or type(value).__name__ in ("NAType", "NaTType"):  # pandas' own
        return "leave out what is missing, or replace it with ''"
    if isinstance(value, _BYTES):
        return "decode it first, for instance with bytes.decode('utf-8')"
    if hasattr(value, "read_text"):
        return "read the file first, for instance with read_text()"
    return "convert it with str() if its text is what you mean"

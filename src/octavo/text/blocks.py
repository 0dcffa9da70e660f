"""Texts in lists that are computed together: long enough to be quick, and bounded in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

MAX_BLOCK_CHARACTERS: Final = 1 << 20
"""A block ends here too, so that long texts do not fill the memory."""

FIRST_BLOCK: Final = 64
"""Texts of the first block where answers are awaited; each further block may be twice as long."""


def blocks(texts: Iterable[str], most: int, waits: Callable[[], bool] | None = None) -> Iterator[list[str]]:
    """``texts`` in order, in lists of at most ``most``.

    ``waits`` tells whether the next text is still to come: a block ends there, so that a slow writer is
    answered, and the first blocks are small. Where ``texts`` raises an Exception, the texts before it come
    first.
    """
    limit = most if waits is None else min(FIRST_BLOCK, most)
    block: list[str] = []
    characters = 0
    source = iter(texts)
    failure: Exception | None = None
    while True:
        try:
            text = next(source)
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001 - raised below
            failure = error
            break
        block.append(text)
        characters += len(text)
        if len(block) == limit or characters >= MAX_BLOCK_CHARACTERS or (waits is not None and waits()):
            yield block
            limit = min(2 * limit, most)
            block, characters = [], 0
    if block:
        yield block
    if failure is not None:
        raise failure
